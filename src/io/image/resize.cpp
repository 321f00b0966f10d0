#include "io/image/resize.hpp"

#include <algorithm>
#include <cstdlib>
#include <vector>

namespace podium::io {
namespace {

// Weights are fractions of 2^22: 255 times their sum fits 32 bits.
constexpr int weight_bits = 22;
constexpr uint32_t weight_one = uint32_t{1} << weight_bits;
constexpr uint32_t half = weight_one / 2;

// What one result pixel of an axis is made of: `weights` of the pixels from `first` on.
struct Taps {
  size_t first = 0;
  std::vector<uint32_t> weights;  // their sum is weight_one
};

// Makes `triangle` heights into weights. What rounding leaves over goes to the highest, so that a
// surface of one colour keeps it exactly.
std::vector<uint32_t> normalised(const std::vector<int64_t>& triangle) {
  int64_t sum = 0;
  for (const int64_t height : triangle) sum += height;
  std::vector<uint32_t> weights;
  int64_t left = weight_one;
  for (const int64_t height : triangle) {
    const int64_t weight = (2 * height * int64_t{weight_one} + sum) / (2 * sum);
    weights.push_back(static_cast<uint32_t>(weight));
    left -= weight;
  }
  uint32_t& highest = *std::max_element(weights.begin(), weights.end());
  highest = static_cast<uint32_t>(highest + left);
  return weights;
}

// The taps of result pixel `to` of an axis of `input` pixels that becomes `output`. Distances are
// counted in units of 1 / (2 * output) pixels, which makes every position a whole number: the
// centre of input pixel x is (2x+1) * output, that of the result pixel (2*to+1) * input.
Taps taps_of(int64_t input, int64_t output, int64_t to) {
  const int64_t reach = 2 * std::max(input, output);  // where the triangle ends
  const int64_t centre = (2 * to + 1) * input;
  const int64_t before = std::max<int64_t>(0, centre - reach - output) / (2 * output);
  Taps taps;
  std::vector<int64_t> triangle;
  for (int64_t x = before; x < input; ++x) {
    const int64_t position = (2 * x + 1) * output;
    if (position >= centre + reach) break;
    const int64_t height = reach - std::abs(position - centre);
    if (height <= 0) continue;
    if (triangle.empty()) taps.first = static_cast<size_t>(x);
    triangle.push_back(height);
  }
  taps.weights = normalised(triangle);
  return taps;
}

std::vector<Taps> axis_taps(size_t input, size_t output) {
  std::vector<Taps> axis;
  axis.reserve(output);
  for (size_t to = 0; to < output; ++to) {
    axis.push_back(taps_of(static_cast<int64_t>(input), static_cast<int64_t>(output),
                           static_cast<int64_t>(to)));
  }
  return axis;
}

void resize_row(const std::vector<Taps>& axis, size_t channels, const uint8_t* row,
                uint8_t* result) {
  for (const Taps& taps : axis) {
    for (size_t c = 0; c < channels; ++c) {
      const uint8_t* pixel = row + taps.first * channels + c;
      uint32_t sum = half;
      for (const uint32_t weight : taps.weights) {
        sum += weight * *pixel;
        pixel += channels;
      }
      *result++ = static_cast<uint8_t>(sum >> weight_bits);
    }
  }
}

// Makes one result row of `sums.size()` bytes out of the rows of that length at `rows`.
void blend_rows(const Taps& taps, const uint8_t* rows, std::vector<uint32_t>& sums,
                uint8_t* result) {
  std::fill(sums.begin(), sums.end(), half);
  const uint8_t* row = rows + taps.first * sums.size();
  for (const uint32_t weight : taps.weights) {
    for (size_t i = 0; i < sums.size(); ++i) sums[i] += weight * row[i];
    row += sums.size();
  }
  for (size_t i = 0; i < sums.size(); ++i) {
    result[i] = static_cast<uint8_t>(sums[i] >> weight_bits);
  }
}

}  // namespace

uint64_t resize_scratch_bytes(const ImageShape& input, const ImageShape& output) {
  return uint64_t{input.height} * output.width * input.channels;
}

void resize(const ImageShape& input, std::span<const uint8_t> image, const ImageShape& output,
            std::span<uint8_t> result) {
  const std::vector<Taps> columns = axis_taps(input.width, output.width);
  const std::vector<Taps> rows = axis_taps(input.height, output.height);
  const size_t input_row = input.width * input.channels;
  const size_t output_row = output.width * output.channels;
  std::vector<uint8_t> narrowed(resize_scratch_bytes(input, output));
  for (size_t y = 0; y < input.height; ++y) {
    resize_row(columns, input.channels, image.data() + y * input_row,
               narrowed.data() + y * output_row);
  }
  std::vector<uint32_t> sums(output_row);
  for (size_t y = 0; y < output.height; ++y) {
    blend_rows(rows[y], narrowed.data(), sums, result.data() + y * output_row);
  }
}

}  // namespace podium::io
