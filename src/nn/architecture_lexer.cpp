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

Lexer::Lexer(std::string_view text, std::span<const TextOrigin> origins)
    : text_(text), origins_(origins) {
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
  const size_t offset = offset_of(start);
  if (start == text_.size()) return {Token::Kind::end, {}, offset};
  const std::string_view sign = text_.substr(start, 1);
  if (is_word(sign[0])) {
    while (position_ < text_.size() && is_word(text_[position_])) ++position_;
    return {Token::Kind::word, text_.substr(start, position_ - start), offset};
  }
  ++position_;
  switch (sign[0]) {
    case ';':
      return {Token::Kind::semicolon, sign, offset};
    case '{':
      return {Token::Kind::open, sign, offset};
    case '}':
      return {Token::Kind::close, sign, offset};
    default:
      throw architecture_error("unexpected character '" + printable(sign) + "'", offset,
                               "layers are words and numbers separated by ';'");
  }
}

size_t Lexer::offset_of(size_t position) const {
  const auto behind = std::ranges::upper_bound(origins_, position, {}, &TextOrigin::begin);
  if (behind == origins_.begin()) return position;
  const TextOrigin& from = *std::prev(behind);
  return from.verbatim ? from.origin + (position - from.begin) : from.origin;
}

std::string quoted(const Token& token) {
  if (token.kind == Token::Kind::end) return "the end of the text";
  return "'" + printable(token.text) + "'";
}

Error architecture_error(const std::string& what, size_t offset, const std::string& remedy) {
  return usage_error(what, "architecture text, offset " + std::to_string(offset), remedy);
}

}  // namespace podium::nn
