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

}  // namespace podium::nn
