// The words of architecture text, and the errors that point at them.
//
// A token is a word (letters, digits, '.', '-', '_'), one of the signs ; { }, or the end. A Lexer
// looks one token ahead and holds views: the text must outlive it, as must what says where it came
// from.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "core/error.hpp"
#include "nn/architecture.hpp"

namespace podium::nn {

struct Token {
  enum class Kind { word, semicolon, open, close, end };
  Kind kind = Kind::end;
  std::string_view text;
  size_t offset = 0;
};

class Lexer {
 public:
  // Throws usage_error for a character that belongs to no token.
  explicit Lexer(std::string_view text, std::span<const TextOrigin> origins = {});

  const Token& peek() const { return current_; }
  Token take();
  bool peek_is(Token::Kind kind) const { return current_.kind == kind; }
  bool peek_is_word(std::string_view word) const;

 private:
  Token read();
  size_t offset_of(size_t position) const;

  std::string_view text_;
  std::span<const TextOrigin> origins_;
  size_t position_ = 0;
  Token current_;
};

// "'conv'", "'{'" or "the end of the text", shortened when long and made printable.
std::string quoted(const Token& token);

// usage_error at `token`'s offset of the architecture text.
[[nodiscard]] Error architecture_error(const std::string& what, size_t offset,
                                       const std::string& remedy);

}  // namespace podium::nn
