#include "ps/filters.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "ps/pushed.hpp"

namespace podium::ps {
namespace {

constexpr size_t block_values = 2048;  // stay in the first cache

double sum_of_squares(const float* values, size_t count) {
  double total = 0;
  for (size_t begin = 0; begin < count; begin += block_values) {
    const size_t end = std::min(count, begin + block_values);
    float part = 0;
    for (size_t i = begin; i < end; ++i) part += values[i] * values[i];
    total += part;
  }
  return total;
}

}  // namespace

void Residual::encode(Encoding encoding, size_t first, std::span<const float> values,
                      std::byte* to) {
  std::array<float, block_values> block;
  float* kept = kept_.data() + (first - first_);
  while (!values.empty()) {
    const size_t count = std::min(values.size(), block_values);
    std::copy_n(values.begin(), count, block.begin());
    const comm::Elements elements = comm::elements(std::span(block.data(), count));
    const comm::Wire wire(wire_of(encoding), elements, kept);
    wire.take_up(elements);
    wire.round(to, elements);
    values = values.subspan(count);
    kept += count;
    to += count * sizeof(uint16_t);
  }
}

bool Residual::choose(float significance, size_t first, std::span<const float> values,
                      std::vector<uint32_t>& places, std::vector<float>& chosen) {
  places.clear();
  chosen.clear();
  float* kept = kept_.data() + (first - first_);
  const size_t count = values.size();
  for (size_t i = 0; i < count; ++i) kept[i] += values[i];
  const double mean = sum_of_squares(kept, count) / static_cast<double>(std::max<size_t>(1, count));
  const auto least = static_cast<float>(significance * std::sqrt(mean));
  // A NaN is significant: it is to be seen, not kept.
  const auto counts = [&](float value) { return !(std::abs(value) <= least); };
  size_t above = 0;
  for (size_t i = 0; i < count; ++i) above += counts(kept[i]) ? 1 : 0;
  if (above > count / 2) {
    chosen.assign(kept, kept + count);
    std::fill_n(kept, count, 0.0F);
    return false;
  }
  places.reserve(above);
  chosen.reserve(above);
  for (size_t i = 0; i < count; ++i) {
    if (!counts(kept[i])) continue;
    places.push_back(static_cast<uint32_t>(i));
    chosen.push_back(kept[i]);
    kept[i] = 0;
  }
  return true;
}

void Residual::encode_chosen(Encoding encoding, size_t first, std::span<const uint32_t> places,
                             std::vector<float>& chosen, std::byte* to) {
  std::vector<float> errors(chosen.size());
  const comm::Elements elements = comm::elements(std::span(chosen));
  comm::Wire(wire_of(encoding), elements, errors.data()).round(to, elements);
  float* kept = kept_.data() + (first - first_);
  for (size_t i = 0; i < errors.size(); ++i) kept[places.empty() ? i : places[i]] = errors[i];
}

}  // namespace podium::ps
