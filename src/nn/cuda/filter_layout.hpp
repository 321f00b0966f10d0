// Where a canonical weight lies in the copy that kernels multiply. Pure; the same code runs on the
// host, where it is tested, and in kernels.
//
// Canonical filters are [O,I,H,W] in fp32, computed ones [O,H',W',I] in fp32 or bf16, where an even
// side is one longer: the first row or column is zero (convolution_graph.hpp). A dense layer's
// weights [out,in] are filters with H = W = 1.
#pragma once

#include <cstddef>

namespace podium::nn::cuda {

struct FilterShape {
  int outputs = 1;
  int inputs = 1;
  int height = 1;
  int width = 1;

  constexpr int computed_height() const { return height + 1 - height % 2; }
  constexpr int computed_width() const { return width + 1 - width % 2; }
  constexpr size_t canonical_count() const {
    return static_cast<size_t>(outputs) * static_cast<size_t>(inputs) *
           static_cast<size_t>(height) * static_cast<size_t>(width);
  }
  constexpr size_t computed_count() const {
    return static_cast<size_t>(outputs) * static_cast<size_t>(inputs) *
           static_cast<size_t>(computed_height()) * static_cast<size_t>(computed_width());
  }

  static constexpr size_t none = static_cast<size_t>(-1);

  // The canonical place of a computed element; `none` for one of the zeros.
  constexpr size_t canonical_of(size_t computed) const {
    const auto i = computed % static_cast<size_t>(inputs);
    computed /= static_cast<size_t>(inputs);
    const auto x = computed % static_cast<size_t>(computed_width());
    computed /= static_cast<size_t>(computed_width());
    const auto y = computed % static_cast<size_t>(computed_height());
    const auto o = computed / static_cast<size_t>(computed_height());
    const auto zero_rows = static_cast<size_t>(computed_height() - height);
    const auto zero_columns = static_cast<size_t>(computed_width() - width);
    if (y < zero_rows || x < zero_columns) return none;
    return ((o * static_cast<size_t>(inputs) + i) * static_cast<size_t>(height) + y - zero_rows) *
               static_cast<size_t>(width) +
           x - zero_columns;
  }

  // The inverse.
  constexpr size_t computed_of(size_t canonical) const {
    const auto x = canonical % static_cast<size_t>(width);
    canonical /= static_cast<size_t>(width);
    const auto y = canonical % static_cast<size_t>(height);
    canonical /= static_cast<size_t>(height);
    const auto i = canonical % static_cast<size_t>(inputs);
    const auto o = canonical / static_cast<size_t>(inputs);
    const auto zero_rows = static_cast<size_t>(computed_height() - height);
    const auto zero_columns = static_cast<size_t>(computed_width() - width);
    return ((o * static_cast<size_t>(computed_height()) + y + zero_rows) *
                static_cast<size_t>(computed_width()) +
            x + zero_columns) *
               static_cast<size_t>(inputs) +
           i;
  }
};

}  // namespace podium::nn::cuda
