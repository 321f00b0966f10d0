#include "nn/cuda/limits.hpp"

#include <algorithm>
#include <bit>
#include <functional>
#include <limits>
#include <vector>

#include "core/random.hpp"
#include "nn/cuda/matmul.hpp"

namespace podium::nn::cuda {
namespace {

using Memory = podium::cuda::DeviceBuffer<std::byte>;

constexpr int rounds = 7;

// Of one call of `work`, which gives its work to `stream`.
double best_seconds(cudaStream_t stream, const std::function<void()>& work) {
  const podium::cuda::Event begin = podium::cuda::make_event(true);
  const podium::cuda::Event end = podium::cuda::make_event(true);
  float best_ms = std::numeric_limits<float>::max();
  for (int round = -1; round < rounds; ++round) {
    podium::cuda::record(begin, stream);
    work();
    podium::cuda::record(end, stream);
    podium::cuda::synchronise(stream);
    if (round >= 0) best_ms = std::min(best_ms, podium::cuda::elapsed_ms(begin, end));
  }
  return 1e-3 * static_cast<double>(best_ms);
}

// Standard normal numbers, the same ones over and over.
Memory random_matrix(size_t count, NumberType type) {
  constexpr size_t most = size_t{1} << 20;
  Random random(1);
  std::vector<float> values(std::min(count, most));
  for (float& value : values) value = static_cast<float>(random.normal());
  std::vector<uint16_t> halves;
  for (const float value : values) {
    halves.push_back(static_cast<uint16_t>(std::bit_cast<uint32_t>(value) >> 16));
  }
  const void* from = type == NumberType::fp32 ? static_cast<const void*>(values.data())
                                              : static_cast<const void*>(halves.data());
  Memory memory(count * bytes_of(type), "a matrix of the limits");
  for (size_t first = 0; first < count; first += values.size()) {
    const size_t here = std::min(values.size(), count - first);
    podium::cuda::copy_now(memory.data() + first * bytes_of(type), from, here * bytes_of(type));
  }
  return memory;
}

double product_flops(Context& context, int side) {
  const NumberType type = context.type_of(Pass::training);
  const auto count = static_cast<size_t>(side) * static_cast<size_t>(side);
  const Memory a = random_matrix(count, type);
  const Memory b = random_matrix(count, type);
  const Memory product(count * bytes_of(type), "a matrix of the limits");
  MatmulShape shape{.rows = side, .columns = side, .inner = side};
  shape.factors = shape.result = type;
  const Matmul matmul(context, shape, "the limit of products");
  const double seconds = best_seconds(
      context.stream.get(), [&] { matmul.run(context, a.data(), b.data(), product.data()); });
  return 2.0 * static_cast<double>(count) * side / seconds;
}

double copied_bytes_per_s(const Context& context, size_t bytes) {
  const Memory from(bytes, "a copy of the limits");
  const Memory to(bytes, "a copy of the limits");
  const double seconds = best_seconds(context.stream.get(), [&] {
    podium::cuda::copy(to.data(), from.data(), bytes, context.stream.get());
  });
  return 2.0 * static_cast<double>(bytes) / seconds;
}

}  // namespace

DeviceLimits measure_limits(int gpu, Numerics numerics, int side, size_t bytes) {
  Context context(gpu, numerics);
  return {product_flops(context, side), copied_bytes_per_s(context, bytes)};
}

}  // namespace podium::nn::cuda
