#include "comm/allreduce/kernels.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace podium::comm {
namespace {

// Calls `loop` with a null pointer of the element's type.
template <typename Loop>
void by_type(ElementType type, Loop loop) {
  if (type == ElementType::f32) {
    loop(static_cast<float*>(nullptr));
  } else {
    loop(static_cast<double*>(nullptr));
  }
}

template <typename T>
T* at(std::byte* bytes) {
  return reinterpret_cast<T*>(bytes);
}

template <typename T>
const T* at(const std::byte* bytes) {
  return reinterpret_cast<const T*>(bytes);
}

template <typename T>
void add_loop(T* __restrict into, const T* __restrict from, size_t count) {
  for (size_t i = 0; i < count; ++i) into[i] += from[i];
}

template <typename T>
void scaled_loop(T* to, const T* from, size_t count, T weight) {
#pragma GCC ivdep
  for (size_t i = 0; i < count; ++i) to[i] = weight * from[i];
}

// A block stays in the first cache while source after source is added to it.
constexpr size_t block_bytes = 4096;

template <typename T>
void sum_block(T* __restrict block, std::span<const std::byte* const> sources, size_t begin,
               size_t count) {
  std::memcpy(block, at<T>(sources[0]) + begin, count * sizeof(T));
  for (const std::byte* bytes : sources.subspan(1)) add_loop(block, at<T>(bytes) + begin, count);
}

// Two ranks on a node, the most frequent case: in one pass.
template <typename T>
void sum_of_two(T* to, T* copy, const T* a, const T* b, size_t count) {
  if (copy == nullptr) {
#pragma GCC ivdep
    for (size_t i = 0; i < count; ++i) to[i] = a[i] + b[i];
    return;
  }
#pragma GCC ivdep
  for (size_t i = 0; i < count; ++i) {
    const T value = a[i] + b[i];
    to[i] = value;
    copy[i] = value;
  }
}

template <typename T>
void sum_blocks(T* to, T* copy, std::span<const std::byte* const> sources, size_t count) {
  constexpr size_t per_block = block_bytes / sizeof(T);
  alignas(64) std::array<T, per_block> block;
  for (size_t begin = 0; begin < count; begin += per_block) {
    const size_t length = std::min(per_block, count - begin);
    sum_block<T>(block.data(), sources, begin, length);
    std::memcpy(to + begin, block.data(), length * sizeof(T));
    if (copy != nullptr) std::memcpy(copy + begin, block.data(), length * sizeof(T));
  }
}

}  // namespace

void add(const Elements& into, const std::byte* from) {
  by_type(into.type, [&]<typename T>(T*) { add_loop(at<T>(into.data), at<T>(from), into.count); });
}

void scale(const Elements& to, const std::byte* from, double weight) {
  if (weight == 1) {
    if (to.data != from && to.count > 0) std::memcpy(to.data, from, to.bytes().size());
    return;
  }
  by_type(to.type, [&]<typename T>(T*) {
    scaled_loop(at<T>(to.data), at<T>(from), to.count, static_cast<T>(weight));
  });
}

void sum(const Elements& to, std::byte* copy, std::span<const std::byte* const> sources) {
  by_type(to.type, [&]<typename T>(T*) {
    if (sources.size() == 2) {
      sum_of_two(at<T>(to.data), at<T>(copy), at<T>(sources[0]), at<T>(sources[1]), to.count);
    } else {
      sum_blocks(at<T>(to.data), at<T>(copy), sources, to.count);
    }
  });
}

}  // namespace podium::comm
