#include "train/cuda/nccl_sync.hpp"

#include "core/clock.hpp"
#include "train/nccl_sync.hpp"

namespace podium::train {

NcclSync::NcclSync(comm::Communicator& group, size_t gradients)
    : nccl_(group, gradients),
      stream_(cuda::make_stream()),
      complete_(cuda::make_event()),
      summed_(cuda::make_event()) {}

void NcclSync::begin(std::span<float> gradients, float weight) {
  gradients_ = gradients;
  weight_ = weight;
}

void NcclSync::finish() {
  const Stopwatch watch;
  nccl_.weighted_sum(gradients_, weight_, stream_.get());
  nccl_.wait(stream_.get(), "summing gradients by NCCL");
  times_.exposed_s += watch.seconds();
}

void NcclSync::sum(std::span<float> gradients, cudaStream_t stream) {
  fork(gradients, stream);
  join(stream);
}

void NcclSync::fork(std::span<float> part, cudaStream_t stream) {
  cuda::record(complete_, stream);
  cuda::wait(stream_.get(), complete_);
  nccl_.sum(part, stream_.get());
}

void NcclSync::join(cudaStream_t stream) {
  cuda::record(summed_, stream_.get());
  cuda::wait(stream, summed_);
}

void NcclSync::wait(cudaStream_t stream) {
  nccl_.wait(stream, "training steps with sums by NCCL");
}

std::unique_ptr<GradientSync> make_nccl_sync(comm::Communicator& group, int gpu, size_t gradients) {
  cuda::use_device(gpu);
  return std::make_unique<NcclSync>(group, gradients);
}

}  // namespace podium::train
