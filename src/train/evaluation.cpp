#include "train/evaluation.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

namespace podium::train {

Confusion evaluate(nn::Model& model, const io::Dataset& dataset, io::Split split,
                   comm::Communicator& group, Mistakes* mistakes) {
  const size_t records = dataset.size(split);
  const size_t ranks = static_cast<size_t>(group.size());
  const size_t rank = static_cast<size_t>(group.rank());
  const size_t classes = dataset.info().classes;
  const size_t image_bytes = dataset.info().image_bytes();
  const size_t chunk = static_cast<size_t>(model.max_batch());
  std::vector<uint32_t> indices(chunk);
  std::vector<uint8_t> images(chunk * image_bytes);
  std::vector<uint8_t> labels(chunk);
  std::vector<float> probabilities(chunk * classes);

  Confusion confusion(classes);
  const size_t end = records * (rank + 1) / ranks;
  for (size_t first = records * rank / ranks; first < end; first += chunk) {
    const size_t count = std::min(chunk, end - first);
    const std::span<uint32_t> part(indices.data(), count);
    const std::span<uint8_t> pixels(images.data(), count * image_bytes);
    const std::span<uint8_t> truth(labels.data(), count);
    const std::span<float> scores(probabilities.data(), count * classes);
    std::iota(part.begin(), part.end(), static_cast<uint32_t>(first));
    dataset.gather(split, part, pixels, truth);
    model.predict(pixels, scores);
    for (size_t row = 0; row < count; ++row) {
      const std::span<const float> given = scores.subspan(row * classes, classes);
      const size_t taken_for = most_probable(given);
      confusion.add(truth[row], taken_for);
      if (mistakes == nullptr || taken_for == truth[row]) continue;
      mistakes->add({part[row], truth[row], static_cast<uint32_t>(taken_for), given[taken_for], {}},
                    pixels.subspan(row * image_bytes, image_bytes));
    }
  }
  confusion.sum_over(group);
  if (mistakes != nullptr) mistakes->gather(group);
  return confusion;
}

}  // namespace podium::train
