// Sizes of grids. Pure.
#pragma once

#include <algorithm>
#include <cstddef>

namespace podium::nn::cuda {

inline constexpr int kBlock = 256;  // threads of a block of the one-dimensional kernels

// Blocks for `threads` threads that go over their elements by steps: enough to fill any GPU, few
// enough that starting them costs nothing.
inline unsigned blocks_for(size_t threads) {
  constexpr size_t most = 4096;
  return static_cast<unsigned>(std::clamp<size_t>((threads + kBlock - 1) / kBlock, 1, most));
}

// How the rows of a matrix [rows, channels] are cut for sums over rows: blocks of `width` channels
// by `height` rows at a time, each over `rows_per_chunk` rows. A function of the matrix alone: sums
// have the same bits on every GPU.
struct ColumnCut {
  int width = 1;   // a power of two, at most 32
  int height = 1;  // kBlock / width
  int tiles = 1;   // of channels
  int chunks = 1;  // of rows
  size_t rows_per_chunk = 1;

  ColumnCut(size_t rows, int channels) {
    constexpr size_t most_chunks = 512;
    constexpr size_t rows_per_thread = 8;
    while (width < channels && width < 32) width *= 2;
    height = kBlock / width;
    tiles = (channels + width - 1) / width;
    const size_t least = static_cast<size_t>(height) * rows_per_thread;
    rows_per_chunk = std::max(least, (rows + most_chunks - 1) / most_chunks);
    chunks = static_cast<int>(std::max<size_t>(1, (rows + rows_per_chunk - 1) / rows_per_chunk));
  }
};

}  // namespace podium::nn::cuda
