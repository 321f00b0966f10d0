// Mistakes: the images of a split that a model was most certain about and wrong, for people to look
// at.
//
// Values for one thread.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "comm/communicator.hpp"
#include "io/image/image_shape.hpp"

namespace podium::train {

struct Mistake {
  uint32_t record = 0;  // of the split
  uint32_t label = 0;
  uint32_t taken_for = 0;
  float probability = 0;        // that the model gave the class it took
  std::vector<uint8_t> pixels;  // [H,W,C] of Mistakes::shape()
};

class Mistakes {
 public:
  static constexpr size_t most_kept = 12;
  static constexpr size_t longest_side = 64;

  // Of images of `shape`. Larger ones are kept as means of squares of their pixels, so that no side
  // is longer than longest_side.
  explicit Mistakes(const io::ImageShape& shape);

  // Of an image that was taken for another class. `pixels` as the shape that it was made with.
  // Keeps it if it is among the most_kept of the highest probability; of equals those of the lower
  // record.
  void add(Mistake mistake, std::span<const uint8_t> pixels);

  // Of all ranks, on the first. Collective.
  void gather(comm::Communicator& group);

  const io::ImageShape& shape() const { return kept_shape_; }
  const std::vector<Mistake>& list() const { return list_; }  // the most probable first

 private:
  void insert(Mistake mistake);

  io::ImageShape shape_;
  size_t square_ = 1;  // side of the squares of pixels that become one
  io::ImageShape kept_shape_;
  std::vector<Mistake> list_;
};

// {"shape": [H,W,C], "list": [{"record", "label", "taken_for", "probability", "pixels": hexadecimal
// digits}]} (docs/formats.md).
nlohmann::ordered_json to_json(const Mistakes& mistakes);

}  // namespace podium::train
