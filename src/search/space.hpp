// The space of a search: an architecture text (docs/architecture_text.md) that leaves something to
// choose, for instance
//   repeat 4 { conv {8|16|24|32} {1|3|5}; bn; anchor }; gap; dense classes
//
// `{a|b|c}` stands for one of its alternatives: a number, or layers; `identity` is none. `anchor`
// is a place where any of the earlier anchors' values may be added (Zoph & Le 2016, 3.3). A
// `repeat` around either is unrolled: each copy chooses for itself. docs/search.md has the grammar.
//
// A network of the space is a vector of whole numbers, its Choices: in the order of the text the
// alternative of each `{|}`, counted from 0, and for each anchor a 0 or 1 per earlier anchor. Pure;
// a Space is immutable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "nn/image_shape.hpp"

namespace podium::search {

using Choices = std::vector<int>;

// What is decided at one place of the text.
struct Decision {
  enum class Kind { pick, anchor };
  Kind kind = Kind::pick;
  // pick: its alternatives, 2 or more; one choice. anchor: the anchors before it, 0 or more; as
  // many choices of 0 or 1.
  int options = 0;

  bool operator==(const Decision&) const = default;
};

// Limits that keep hostile text harmless.
struct SpaceLimits {
  static constexpr size_t alternatives = 64;  // of one `{|}`
  static constexpr size_t decisions = 256;    // after unrolling
  static constexpr size_t anchors = 32;
};

class Space {
 public:
  // Throws usage_error naming the offset in `text`, the offending word and what to do; also for an
  // alternative that is no layer or number of architecture text.
  static Space parse(std::string_view text);

  // As it was written.
  const std::string& text() const { return text_; }

  // In the order of the text.
  const std::vector<Decision>& decisions() const { return decisions_; }

  // How many values each choice has: one entry a choice, all 2 or more.
  const std::vector<int>& options() const { return options_; }

  // The number of networks, the product of options(); rounded beyond 2^53.
  double networks() const;

  // The canonical architecture text of a network: equal networks, equal texts. Throws usage_error
  // for choices that are none of this space, and for a network that is no architecture.
  std::string architecture(const Choices& choices) const;

  // Whether there is a value at each place, and each is one of its options.
  bool contains(const Choices& choices) const;

  // Networks by number, from 0 to networks() - 1; the last choice changes fastest.
  // REQUIRES: networks() <= 2^53; contains(choices); index < networks().
  uint64_t index_of(const Choices& choices) const;
  Choices choices_of(uint64_t index) const;

  // Throws usage_error, with the offset in the text, when an alternative does not fit the images.
  // That all are fine apart does not mean that each network is.
  void check(nn::ImageShape image, int classes) const;

 private:
  Space() = default;

  struct Stretch {  // of text_
    size_t begin = 0;
    size_t end = 0;
  };
  // What a network's text is put together from.
  struct Piece {
    enum class Kind { text, pick, anchor, separator };
    Kind kind = Kind::text;
    size_t offset = 0;                    // where it stands in text_
    std::vector<Stretch> stretches = {};  // text: one; pick: one an alternative
  };
  class Parser;
  struct Decoded;

  Decoded decode(const Choices& choices) const;
  std::vector<Choices> every_alternative() const;

  std::string text_;
  std::vector<Piece> pieces_;
  std::vector<Decision> decisions_;
  std::vector<int> options_;
};

}  // namespace podium::search
