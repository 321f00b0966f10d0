#include "serve/replica/warm_up.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <optional>

#include "core/clock.hpp"

namespace podium::serve {

WarmUp warm_up(Predictor& predictor, int most, std::chrono::milliseconds time) {
  const ModelInfo& info = predictor.info();
  std::vector<int> order = predictor.sizes_to_warm(std::min(most, info.max_batch));
  std::rotate(order.begin(), std::prev(order.end()), order.end());  // the largest first
  const auto largest = static_cast<size_t>(order.front());
  const std::vector<uint8_t> images(largest * info.image_bytes());
  std::vector<float> probabilities(largest * static_cast<size_t>(info.classes));
  const auto finite = [](float value) { return std::isfinite(value); };
  WarmUp done;
  std::optional<Deadline> late;  // from the end of the largest on
  for (const int size : order) {
    if (late && late->expired()) break;
    const auto n = static_cast<size_t>(size);
    const auto rows = std::span(probabilities).first(n * static_cast<size_t>(info.classes));
    predictor.predict(std::span(images).first(n * info.image_bytes()), size, rows);
    done.finite = done.finite && std::ranges::all_of(rows, finite);
    done.sizes.push_back(size);
    if (!late) late.emplace(time);
  }
  return done;
}

}  // namespace podium::serve
