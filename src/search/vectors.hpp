// Sums over vectors of doubles, in loops that compilers turn into vector instructions.
#pragma once

#include <cstddef>
#include <span>

namespace podium::search {

// REQUIRES, here and below: equal lengths.
inline double dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// to += factor * from
inline void add(double factor, std::span<const double> from, std::span<double> to) {
#pragma omp simd
  for (size_t i = 0; i < from.size(); ++i) to[i] += factor * from[i];
}

// Row `row` of a matrix whose rows have `width` elements.
template <typename T>
std::span<T> row_of(std::span<T> matrix, size_t row, size_t width) {
  return matrix.subspan(row * width, width);
}

}  // namespace podium::search
