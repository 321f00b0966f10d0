// Pieces: the bytes of a file in the making, as texts of its own and views of weights.
//
// Weights are the bulk of an exported model, so they are never copied on their way to the file. A
// view must outlive the Pieces. A value for one thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace podium {

class Pieces {
 public:
  void add(std::string_view bytes);              // copies
  void add_view(std::span<const float> values);  // little-endian IEEE 754, as in memory
  void add(Pieces other);

  uint64_t size() const { return size_; }  // bytes

  // In order. Valid until the next change.
  std::vector<std::string_view> views() const;

  // All bytes in one text.
  std::string joined() const;

 private:
  struct Piece {
    std::string own;
    std::string_view view;  // when `own` is empty
  };

  std::vector<Piece> pieces_;
  uint64_t size_ = 0;
};

}  // namespace podium
