#include "train/gradient_watch.hpp"

#include <algorithm>

#include "comm/allreduce/topology.hpp"
#include "train/loss_watch.hpp"

namespace podium::train {

void GradientWatch::look(int64_t step, std::span<const float> gradients, size_t begin, size_t end) {
  if (found_ || all_finite(gradients.subspan(begin, end - begin))) return;
  for (auto at = buffers_.rbegin(); at != buffers_.rend(); ++at) {
    const nn::BufferInfo& buffer = *at;
    if (buffer.statistic || buffer.offset >= end || buffer.offset + buffer.count <= begin) continue;
    if (all_finite(gradients.subspan(buffer.offset, buffer.count))) continue;
    found_ = BadGradient{step, buffer.name};
    return;
  }
}

std::optional<BlamedGradient> first_bad_gradient(const std::optional<BadGradient>& mine,
                                                 comm::Communicator& group) {
  const std::string text = mine ? std::to_string(mine->step) + " " + mine->tensor : "";
  std::optional<BlamedGradient> first;
  const std::vector<std::string> texts = comm::share_texts(group, text);
  for (size_t rank = 0; rank < texts.size(); ++rank) {
    if (texts[rank].empty()) continue;
    const size_t blank = texts[rank].find(' ');
    const int64_t step = std::stoll(texts[rank].substr(0, blank));
    if (first && first->gradient.step <= step) continue;
    first = BlamedGradient{{step, texts[rank].substr(blank + 1)}, static_cast<int>(rank)};
  }
  return first;
}

}  // namespace podium::train
