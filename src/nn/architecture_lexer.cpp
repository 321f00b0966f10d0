#include "nn/architecture_lexer.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

namespace podium::nn {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-' || c == '_' || c == '+';
}

// Levenshtein 1966, two rows.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> previous(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  std::iota(previous.begin(), previous.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = previous[j] + (a[i] == b[j] ? 0 : 1);
      row[j + 1] = std::min({replaced, previous[j + 1] + 1, row[j] + 1});
    }
    std::swap(previous, row);
  }
  return previous[b.size()];
}

std::string printable(std::string_view text) {
  constexpr size_t longest = 24;
  std::string result;
  for (const char c : text.substr(0, longest)) {
    const bool plain = c >= ' ' && c <= '~';
    result += plain ? c : '?';
  }
  if (text.size() > longest) result += "...";
  return result;
}

}  // namespace

Lexer::Lexer(std::string_view text) : text_(text) {
  current_ = read();
}

Token Lexer::take() {
  const Token taken = current_;
  current_ = read();
  return taken;
}

bool Lexer::peek_is_word(std::string_view word) const {
  return current_.kind == Token::Kind::word && current_.text == word;
}

Token Lexer::read() {
  while (position_ < text_.size() && is_space(text_[position_])) ++position_;
  const size_t start = position_;
  if (start == text_.size()) return {Token::Kind::end, {}, start};
  const std::string_view sign = text_.substr(start, 1);
  if (is_word(sign[0])) {
    while (position_ < text_.size() && is_word(text_[position_])) ++position_;
    return {Token::Kind::word, text_.substr(start, position_ - start), start};
  }
  ++position_;
  switch (sign[0]) {
    case ';':
      return {Token::Kind::semicolon, sign, start};
    case '{':
      return {Token::Kind::open, sign, start};
    case '}':
      return {Token::Kind::close, sign, start};
    default:
      throw architecture_error("unexpected character '" + printable(sign) + "'", start,
                               "layers are words and numbers separated by ';'");
  }
}

std::string quoted(const Token& token) {
  if (token.kind == Token::Kind::end) return "the end of the text";
  return "'" + printable(token.text) + "'";
}

Error architecture_error(const std::string& what, size_t offset, const std::string& remedy) {
  return usage_error(what, "architecture text, offset " + std::to_string(offset), remedy);
}

std::string_view nearest_word(std::string_view word, std::span<const std::string_view> known) {
  const std::string_view start = word.substr(0, 32);
  return *std::min_element(known.begin(), known.end(), [&](std::string_view a, std::string_view b) {
    return edit_distance(start, a) < edit_distance(start, b);
  });
}

}  // namespace podium::nn
