// GradientWatch: notices the first step in which this trainer's gradients are no finite numbers,
// and in which tensor.
//
// It looks at its own gradients before they meet those of others: in the sum they would spoil
// everybody's, and nobody could tell whose they were. It looks at each part as it becomes final,
// when it has just been written, so that this costs one read of it from a near cache. The tensor it
// names is where it began: a backward pass carries the defect on to the layers before.
//
// Threads: belongs to its trainer's thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "comm/communicator.hpp"
#include "nn/buffer_info.hpp"

namespace podium::train {

struct BadGradient {
  int64_t step = 0;    // of the run, counted from 0
  std::string tensor;  // "5.res.body.1.conv.weight"
};

class GradientWatch {
 public:
  // `buffers` must outlive the watch.
  explicit GradientWatch(const std::vector<nn::BufferInfo>& buffers) : buffers_(buffers) {}

  // Those in [begin, end) are final.
  void look(int64_t step, std::span<const float> gradients, size_t begin, size_t end);

  const std::optional<BadGradient>& found() const { return found_; }

 private:
  const std::vector<nn::BufferInfo>& buffers_;
  std::optional<BadGradient> found_;
};

// The earliest of all trainers, and whose it was; the same on all of them. Collective.
struct BlamedGradient {
  BadGradient gradient;
  int trainer = 0;  // rank in the group
};
std::optional<BlamedGradient> first_bad_gradient(const std::optional<BadGradient>& mine,
                                                 comm::Communicator& group);

}  // namespace podium::train
