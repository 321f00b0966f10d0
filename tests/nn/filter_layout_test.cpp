// Where weights lie in the copies that a GPU's kernels multiply, and how sums over rows are cut.
#include "nn/cuda/filter_layout.hpp"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "nn/cuda/launch.hpp"

namespace podium::nn::cuda {
namespace {

const std::vector<FilterShape> shapes = {{3, 2, 3, 3}, {4, 5, 1, 1}, {2, 3, 2, 2},
                                         {2, 3, 4, 1}, {1, 2, 3, 6}, {7, 1, 1, 1}};

TEST(FilterLayout, EveryWeightHasOnePlace) {
  for (const FilterShape& shape : shapes) {
    std::set<size_t> places;
    for (size_t i = 0; i < shape.canonical_count(); ++i) {
      const size_t place = shape.computed_of(i);
      EXPECT_LT(place, shape.computed_count());
      EXPECT_EQ(shape.canonical_of(place), i);
      places.insert(place);
    }
    EXPECT_EQ(places.size(), shape.canonical_count());
    for (size_t i = 0; i < shape.computed_count(); ++i) {
      EXPECT_EQ(places.contains(i), shape.canonical_of(i) != FilterShape::none);
    }
  }
}

TEST(FilterLayout, ChannelsLieInnermost) {
  constexpr FilterShape shape{2, 3, 3, 3};
  // Output 1, input 2, row 0, column 1.
  EXPECT_EQ(shape.computed_of(((1 * 3 + 2) * 3 + 0) * 3 + 1), ((1 * 3 + 0) * 3 + 1) * 3 + 2U);
}

// A filter of 2x2 that reads the pixel itself and those behind it is one of 3x3 about that pixel.
TEST(FilterLayout, AnEvenSideGetsZerosBeforeItsFirstRow) {
  constexpr FilterShape shape{1, 1, 2, 2};
  const std::vector<size_t> expected = {FilterShape::none,
                                        FilterShape::none,
                                        FilterShape::none,
                                        FilterShape::none,
                                        0,
                                        1,
                                        FilterShape::none,
                                        2,
                                        3};
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(shape.canonical_of(i), expected[i]) << i;
}

TEST(ColumnCut, CoversAllRowsAndChannelsOnce) {
  for (const size_t rows : {1U, 7U, 64U, 511U, 40'000U, 401'408U, 3'000'000U}) {
    for (const int channels : {1, 3, 16, 31, 32, 33, 512}) {
      const ColumnCut cut(rows, channels);
      EXPECT_EQ(cut.width * cut.height, kBlock);
      EXPECT_GE(cut.tiles * cut.width, channels);
      EXPECT_LT((cut.tiles - 1) * cut.width, channels);
      EXPECT_GE(static_cast<size_t>(cut.chunks) * cut.rows_per_chunk, rows);
      EXPECT_LT(static_cast<size_t>(cut.chunks - 1) * cut.rows_per_chunk, rows);
      EXPECT_LE(cut.chunks, 512);
    }
  }
}

}  // namespace
}  // namespace podium::nn::cuda
