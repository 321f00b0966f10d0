#include "core/cuda_check.hpp"
#include "core/random.hpp"
#include "nn/cuda/elementwise.hpp"
#include "nn/cuda/launch.hpp"
#include "nn/cuda/numbers.cuh"

namespace podium::nn::cuda {
namespace {

using podium::cuda::check_launch;

// Calls work(pack of a, pack of b) for all packs, and so for the last elements one by one. Each
// gives an element of `output` from those of `a` and `b`; `output` may be either.
template <typename T, typename Element>
__global__ void map_two(const T* a, const T* b, T* output, size_t count, Element element) {
  constexpr int width = kPackOf<T>;
  const size_t packs = count / width;
  for (size_t i = thread_index(); i < packs; i += thread_count()) {
    const auto x = reinterpret_cast<const Pack<T, width>*>(a)[i];
    const auto y = reinterpret_cast<const Pack<T, width>*>(b)[i];
    Pack<T, width> z;
    for (int k = 0; k < width; ++k) z.set(k, element(x.get(k), y.get(k), i * width + k));
    reinterpret_cast<Pack<T, width>*>(output)[i] = z;
  }
  const size_t rest = packs * width + thread_index();
  if (rest < count) {
    output[rest] = from_float<T>(element(to_float(a[rest]), to_float(b[rest]), rest));
  }
}

template <typename Element>
void run_two(NumberType type, const void* a, const void* b, void* output, size_t count,
             Element element, cudaStream_t stream, const char* name) {
  if (count == 0) return;
  with_type(type, [&](auto number) {
    using T = decltype(number);
    map_two<T><<<blocks_for(count / kPackOf<T> + 1), kBlock, 0, stream>>>(
        static_cast<const T*>(a), static_cast<const T*>(b), static_cast<T*>(output), count,
        element);
  });
  check_launch(name);
}

struct Relu {
  __device__ float operator()(float x, float, size_t) const { return x > 0.0F ? x : 0.0F; }
};

struct AddRelu {
  __device__ float operator()(float a, float b, size_t) const {
    const float sum = a + b;
    return sum > 0.0F ? sum : 0.0F;
  }
};

struct Mask {
  __device__ float operator()(float output, float gradient, size_t) const {
    return output > 0.0F ? gradient : 0.0F;
  }
};

struct Add {
  __device__ float operator()(float a, float b, size_t) const { return a + b; }
};

// As dropout() of nn/cpu/loops.cpp.
struct Dropout {
  const StepKey* key;
  uint64_t layer_key;
  uint64_t threshold;
  float scale;

  __device__ float operator()(float x, float, size_t index) const {
    const uint64_t mask_key = Random(key->seed, key->step, layer_key).next();
    const bool kept = (mix64(mask_key + index) >> 32) >= threshold;
    return kept ? scale * x : 0.0F;
  }
};

template <typename T, typename Index>
__global__ void add_bias_kernel(T* values, const float* bias, bool relu, Index count,
                                int channels) {
  for (Index i = thread_index(); i < count; i += thread_count()) {
    float value = to_float(values[i]);
    if (bias != nullptr) value += bias[i % static_cast<Index>(channels)];
    if (relu) value = value > 0.0F ? value : 0.0F;
    values[i] = from_float<T>(value);
  }
}

__global__ void set_key_kernel(StepKey* key, StepKey value) {
  *key = value;
}

}  // namespace

void relu(NumberType type, const void* input, void* output, size_t count, cudaStream_t stream) {
  run_two(type, input, input, output, count, Relu{}, stream, "relu");
}

void add_relu(NumberType type, const void* a, const void* b, void* output, size_t count,
              cudaStream_t stream) {
  run_two(type, a, b, output, count, AddRelu{}, stream, "sum");
}

void masked_copy(NumberType type, const void* output, const void* gradient, void* result,
                 size_t count, cudaStream_t stream) {
  run_two(type, output, gradient, result, count, Mask{}, stream, "mask");
}

void accumulate(NumberType type, const void* addend, void* sum, size_t count, cudaStream_t stream) {
  run_two(type, addend, sum, sum, count, Add{}, stream, "accumulate");
}

void add_bias(NumberType type, void* values, const float* bias, bool relu, size_t rows,
              int channels, cudaStream_t stream) {
  const size_t count = rows * static_cast<size_t>(channels);
  if (count == 0 || (bias == nullptr && !relu)) return;
  with_type(type, [&](auto number) {
    using T = decltype(number);
    with_index(count, [&](auto index) {
      add_bias_kernel<<<blocks_for(count), kBlock, 0, stream>>>(
          static_cast<T*>(values), bias, relu, static_cast<decltype(index)>(count), channels);
    });
  });
  check_launch("bias");
}

void dropout(NumberType type, const void* input, void* output, size_t count, double rate,
             uint64_t layer_key, const StepKey* key, cudaStream_t stream) {
  const Dropout element{key, layer_key, static_cast<uint64_t>(rate * 0x1.0p32),
                        static_cast<float>(1.0 / (1.0 - rate))};
  run_two(type, input, input, output, count, element, stream, "dropout");
}

void set_key(StepKey* key, const StepKey& value, cudaStream_t stream) {
  set_key_kernel<<<1, 1, 0, stream>>>(key, value);
  check_launch("step key");
}

}  // namespace podium::nn::cuda
