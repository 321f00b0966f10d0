#include "nn/cuda/context.hpp"

#include "core/cuda_check.hpp"

namespace podium::nn::cuda {
namespace {

int used(int gpu) {
  podium::cuda::use_device(gpu);
  return gpu;
}

}  // namespace

void* GrowingBuffer::reserve(size_t bytes) {
  if (bytes == 0) return data();
  if (buffers_.empty() || buffers_.back().size() < bytes) buffers_.emplace_back(bytes, what_);
  return data();
}

Context::Context(int a_gpu, Numerics the_numerics)
    : gpu(used(a_gpu)),
      numerics(the_numerics),
      stream(podium::cuda::make_stream()),
      cudnn(make_cudnn(stream.get())),
      cublas(make_cublas()),
      key(1, "the key of the step") {}

void Context::use() const {
  podium::cuda::check(cudaSetDevice(gpu), "choosing the GPU");
}

}  // namespace podium::nn::cuda
