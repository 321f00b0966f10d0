#include "core/cuda_check.hpp"
#include "nn/cuda/edges.hpp"
#include "nn/cuda/launch.hpp"
#include "nn/cuda/numbers.cuh"

namespace podium::nn::cuda {
namespace {

using podium::cuda::check_launch;

constexpr int warp = 32;
constexpr int warps = kBlock / warp;
constexpr unsigned all_lanes = 0xffffffffU;

template <typename T, typename Index>
__global__ void load_kernel(ImageLoad load, Index end, Index count) {
  const auto channels = static_cast<Index>(load.shape.channels);
  const auto width = static_cast<Index>(load.shape.width);
  T* inputs = static_cast<T*>(load.inputs);
  for (Index i = thread_index(); i < count; i += thread_count()) {
    float value = 0.0F;
    if (i < end) {
      const Index c = i % channels;
      const Index x = i / channels % width;
      const Index from = load.mirrored ? i - x * channels + (width - 1 - x) * channels : i;
      value = static_cast<float>(load.pixels[from]) * load.scale[c] + load.shift[c];
    }
    inputs[i] = from_float<T>(value);
  }
}

// Sums and maxima over the lanes of a warp, the same in all lanes. The order is fixed.
template <typename Number>
__device__ Number warp_sum(Number value) {
  for (int distance = warp / 2; distance > 0; distance /= 2) {
    value += __shfl_xor_sync(all_lanes, value, distance);
  }
  return value;
}

struct Largest {
  float value;
  int index;
};

// The first of the largest.
__device__ Largest warp_largest(Largest mine) {
  for (int distance = warp / 2; distance > 0; distance /= 2) {
    const float value = __shfl_xor_sync(all_lanes, mine.value, distance);
    const int index = __shfl_xor_sync(all_lanes, mine.index, distance);
    if (value > mine.value || (value == mine.value && index < mine.index)) mine = {value, index};
  }
  return mine;
}

// One warp has one row. Calls with all lanes of a warp.
template <typename T>
struct Row {
  const T* logits;
  int classes;
  int lane;

  __device__ float at(int k) const { return to_float(logits[k]); }

  __device__ Largest largest() const {
    Largest mine = {-INFINITY, classes};
    for (int k = lane; k < classes; k += warp) {
      if (at(k) > mine.value) mine = {at(k), k};
    }
    return warp_largest(mine);
  }

  __device__ double exponentials(float top) const {
    double sum = 0;
    for (int k = lane; k < classes; k += warp) sum += static_cast<double>(expf(at(k) - top));
    return warp_sum(sum);
  }

  __device__ double total() const {
    double sum = 0;
    for (int k = lane; k < classes; k += warp) sum += static_cast<double>(at(k));
    return warp_sum(sum);
  }
};

// As cross_entropy() of nn/cpu/edges.cpp.
template <typename T>
__global__ void loss_of_rows(LossWork work) {
  const int image = blockIdx.x * warps + threadIdx.x / warp;
  if (image >= work.images) return;
  const size_t start = static_cast<size_t>(image) * work.classes;
  const Row<T> row = {static_cast<const T*>(work.logits) + start, work.classes,
                      static_cast<int>(threadIdx.x % warp)};
  const Largest top = row.largest();
  const double sum = row.exponentials(top.value);
  const auto inverse = static_cast<float>(1.0 / sum);
  const double mean_logit = row.total() / static_cast<double>(work.classes);
  const int label = work.labels[image];
  const float share = 1.0F / static_cast<float>(work.images);
  const float off = work.label_smoothing / static_cast<float>(work.classes);
  T* gradient = static_cast<T*>(work.gradient) + start;
  for (int k = row.lane; k < work.classes; k += warp) {
    float slope = (expf(row.at(k) - top.value) * inverse - off) * share;
    if (k == label) slope -= (1.0F - work.label_smoothing) * share;
    gradient[k] = from_float<T>(slope);
  }
  if (row.lane != 0) return;
  const auto smoothing = static_cast<double>(work.label_smoothing);
  const double chosen = label < work.classes ? static_cast<double>(row.at(label)) : 0.0;
  work.rows[image] = {static_cast<double>(top.value) + log(sum) - (1.0 - smoothing) * chosen -
                          smoothing * mean_logit,
                      top.index == label ? 1 : 0, 0};
}

// One block adds up all rows, in an order that depends on their number alone.
__global__ void add_rows(const DeviceLoss* rows, int images, DeviceLoss* result) {
  __shared__ double losses[kBlock];
  __shared__ int corrects[kBlock];
  double loss = 0;
  int correct = 0;
  for (int image = threadIdx.x; image < images; image += kBlock) {
    loss += rows[image].loss_sum;
    correct += rows[image].correct;
  }
  losses[threadIdx.x] = loss;
  corrects[threadIdx.x] = correct;
  for (int half = kBlock / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) {
      losses[threadIdx.x] += losses[threadIdx.x + half];
      corrects[threadIdx.x] += corrects[threadIdx.x + half];
    }
  }
  if (threadIdx.x == 0) *result = {losses[0], corrects[0], 0};
}

__global__ void softmax_kernel(float* logits, const float* others, float* probabilities, int images,
                               int classes) {
  const int image = blockIdx.x * warps + threadIdx.x / warp;
  if (image >= images) return;
  const size_t start = static_cast<size_t>(image) * classes;
  const int lane = threadIdx.x % warp;
  if (others != nullptr) {
    for (int k = lane; k < classes; k += warp) {
      logits[start + k] = 0.5F * (logits[start + k] + others[start + k]);
    }
    __syncwarp();
  }
  const Row<float> row = {logits + start, classes, lane};
  const float top = row.largest().value;
  const auto inverse = static_cast<float>(1.0 / row.exponentials(top));
  for (int k = lane; k < classes; k += warp) {
    probabilities[start + k] = expf(row.at(k) - top) * inverse;
  }
}

unsigned blocks_of_rows(int rows) {
  return static_cast<unsigned>((rows + warps - 1) / warps);
}

}  // namespace

void load_images(const ImageLoad& load, cudaStream_t stream) {
  const auto image_bytes = static_cast<size_t>(load.shape.size());
  const size_t count = load.rows * image_bytes;
  if (count == 0) return;
  with_type(load.type, [&](auto number) {
    with_index(count, [&](auto index) {
      using Index = decltype(index);
      load_kernel<decltype(number)><<<blocks_for(count), kBlock, 0, stream>>>(
          load, static_cast<Index>(load.images * image_bytes), static_cast<Index>(count));
    });
  });
  check_launch("loading images");
}

void cross_entropy(const LossWork& work, cudaStream_t stream) {
  with_type(work.type, [&](auto number) {
    loss_of_rows<decltype(number)><<<blocks_of_rows(work.images), kBlock, 0, stream>>>(work);
  });
  check_launch("loss of rows");
  add_rows<<<1, kBlock, 0, stream>>>(work.rows, work.images, work.result);
  check_launch("loss");
}

void softmax(float* logits, const float* others, float* probabilities, int images, int classes,
             cudaStream_t stream) {
  if (images == 0) return;
  softmax_kernel<<<blocks_of_rows(images), kBlock, 0, stream>>>(logits, others, probabilities,
                                                                images, classes);
  check_launch("softmax");
}

}  // namespace podium::nn::cuda
