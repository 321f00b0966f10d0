// The parser of spaces: finds what is chosen, unrolls the `repeat`s around it, and leaves the rest
// to the parser of architecture text. Every unrolled copy holds a decision, and decisions are
// limited: hostile text costs little.
#pragma once

#include "search/space.hpp"

namespace podium::search {

class Space::Parser {
 public:
  // Reads the text of `space` and fills in the rest.
  explicit Parser(Space& space) : space_(space), text_(space.text_) {}

  // Throws usage_error.
  void parse();

 private:
  // Where a `{` ends, and whether it holds alternatives.
  struct Braces {
    size_t close = 0;
    bool alternatives = false;
    bool decides = false;  // alternatives or anchors, at any depth
  };

  void sequence(int braces, int nesting);
  void word(int braces, int nesting);
  void repeat(size_t begin, int braces, int nesting);
  void block(int braces, int nesting);
  void pick(const Braces& group);
  void anchor(size_t begin, int braces);
  void add_alternative(Piece& piece, size_t begin, size_t end) const;
  void add_decision(const Decision& decision, size_t offset);
  void flush(size_t end);
  Braces braces_at(size_t open) const;
  std::string_view word_at(size_t begin) const;
  size_t behind_spaces(size_t at) const;

  Space& space_;
  std::string_view text_;
  size_t at_ = 0;
  size_t flushed_ = 0;  // text before it is in pieces
  int anchors_ = 0;
};

}  // namespace podium::search
