// Mutator: the n-th mutation of a corpus, the same on every machine.
//
// One to four changes of a corpus input: bits and bytes, cuts, repeated or removed pieces, a piece
// of another input, and numbers of 1 to 8 bytes in either byte order set to extremes, which is what
// size fields in headers are. A value; const functions are thread-safe.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/random.hpp"

namespace podium::fuzz {

using Bytes = std::vector<uint8_t>;

class Mutator {
 public:
  // REQUIRES: `corpus` is not empty.
  explicit Mutator(std::vector<Bytes> corpus) : corpus_(std::move(corpus)) {}

  // The input that mutation `number` begins with.
  size_t base(uint64_t number) const { return number % corpus_.size(); }

  Bytes mutation(uint64_t number) const {
    constexpr uint64_t changes_limit = 4;
    Random random(number);
    Bytes bytes = corpus_[base(number)];
    for (uint64_t changes = 1 + random.below(changes_limit); changes > 0; --changes) {
      change(bytes, random);
    }
    return bytes;
  }

 private:
  struct Piece {
    size_t begin = 0;
    size_t size = 0;
  };

  // At least one byte. REQUIRES: bytes is not empty.
  static Piece piece_of(const Bytes& bytes, Random& random) {
    constexpr uint64_t piece_limit = 64;
    Piece piece{random.below(bytes.size()), 1 + random.below(piece_limit)};
    piece.size = std::min(piece.size, bytes.size() - piece.begin);
    return piece;
  }

  static auto at(Bytes& bytes, size_t index) {
    return bytes.begin() + static_cast<std::ptrdiff_t>(index);
  }

  void change(Bytes& bytes, Random& random) const {
    if (bytes.empty()) return insert(bytes, random);
    switch (random.below(7)) {
      case 0:
        bytes[random.below(bytes.size())] ^= static_cast<uint8_t>(1U << random.below(8));
        break;
      case 1:
        bytes[random.below(bytes.size())] = static_cast<uint8_t>(random.below(256));
        break;
      case 2:
        bytes.resize(random.below(bytes.size()));
        break;
      case 3: {
        const Piece removed = piece_of(bytes, random);
        bytes.erase(at(bytes, removed.begin), at(bytes, removed.begin + removed.size));
        break;
      }
      case 4:
        insert(bytes, random);
        break;
      default:  // twice as likely as the others
        set_extreme(bytes, random);
    }
  }

  // Puts a piece of some input of the corpus anywhere.
  void insert(Bytes& bytes, Random& random) const {
    const Bytes& other = corpus_[random.below(corpus_.size())];
    if (other.empty()) return;
    const Piece piece = piece_of(other, random);
    const auto from = other.begin() + static_cast<std::ptrdiff_t>(piece.begin);
    bytes.insert(at(bytes, random.below(bytes.size() + 1)), from,
                 from + static_cast<std::ptrdiff_t>(piece.size));
  }

  static void set_extreme(Bytes& bytes, Random& random) {
    constexpr std::array<size_t, 4> widths{1, 2, 4, 8};
    const size_t width = std::min(widths[random.below(widths.size())], bytes.size());
    const std::array<uint64_t, 6> values{0,
                                         1,
                                         ~uint64_t{0},
                                         ~uint64_t{0} >> 1,
                                         uint64_t{1} << random.below(8 * width),
                                         random.below(300)};
    const uint64_t value = values[random.below(values.size())];
    const bool big_endian = random.below(2) == 0;
    const size_t begin = random.below(bytes.size() - width + 1);
    for (size_t i = 0; i < width; ++i) {
      const size_t place = big_endian ? width - 1 - i : i;
      bytes[begin + i] = static_cast<uint8_t>(value >> (8 * place));
    }
  }

  std::vector<Bytes> corpus_;
};

}  // namespace podium::fuzz
