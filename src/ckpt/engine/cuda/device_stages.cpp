// A rank's stages on its GPU: from pinned shards to H2D buffers on one stream, from there into the
// IPC buffer on another. A call returns when its copy is done, since other processes see the
// segment and no event of ours; the engine's threads call beside each other, and so do the copies
// overlap. What goes to other pods is read from the shard, which the host still has; what comes
// from them lands in pinned memory.
#include "ckpt/engine/device_stages.hpp"

#include <array>
#include <cstring>
#include <nlohmann/json.hpp>

#include "ckpt/engine/cuda/ipc_buffer.hpp"
#include "core/cuda_handles.hpp"

namespace podium::ckpt::engine {
namespace {

class DeviceStages final : public Stages {
 public:
  DeviceStages(const Segment& segment, const Buffers& buffers, int gpu, uint64_t place)
      : segment_(segment), bucket_bytes_(buffers.bucket_bytes), gpu_(gpu), place_(place) {
    cuda::use_device(gpu);
    h2d_ = {buffers.h2d * bucket_bytes_, "the H2D buffers"};
    const size_t ipc_bytes = buffers.ipc * bucket_bytes_ + block_bytes - 1;
    ipc_ = {ipc_bytes - ipc_bytes % block_bytes, "the IPC buffer"};
    landing_ = {bucket_bytes_, "what comes from other pods"};
    uploading_ = cuda::make_stream();
    placing_ = cuda::make_stream();
    for (cuda::Event& event : placed_) event = cuda::make_event();
    handle_ = export_memory(ipc_.data());
  }

  bool direct() const override { return false; }
  Block shard_memory(size_t bytes) const override {
    if (bytes == 0) return {};
    check_memory(bytes, "a shard of the weights");
    select_device(gpu_);
    return to_block(cuda::PinnedBuffer<std::byte>(bytes, "a shard of the weights"));
  }
  nlohmann::ordered_json handle() const override { return handle_; }

  void upload(size_t buffer, std::span<const std::byte> bucket) override {
    select_device(gpu_);
    cuda::wait(uploading_.get(), placed_.at(buffer));
    cuda::copy(h2d(buffer), bucket.data(), bucket.size(), uploading_.get());
    held_.at(buffer) = bucket;
    cuda::synchronise(uploading_.get());
  }

  void place(uint64_t seq, size_t buffer, size_t bytes) override {
    put(seq, h2d(buffer), bytes);
    cuda::record(placed_.at(buffer), placing_.get());
    cuda::synchronise(placing_.get());
  }

  std::span<const std::byte> outgoing(size_t buffer, size_t bytes) override {
    return held_.at(buffer).first(bytes);
  }
  std::span<std::byte> landing(uint64_t, size_t bytes) override {
    return landing_.span().first(bytes);
  }
  void landed(uint64_t seq, size_t bytes) override {
    put(seq, landing_.data(), bytes);
    cuda::synchronise(placing_.get());
  }

 private:
  std::byte* h2d(size_t buffer) const { return h2d_.data() + buffer * bucket_bytes_; }

  // Into the IPC buffer, with a note of who has it.
  void put(uint64_t seq, const std::byte* from, size_t bytes) {
    select_device(gpu_);
    cuda::copy(ipc_.data() + seq % segment_.slot_count() * bucket_bytes_, from, bytes,
               placing_.get());
    std::memcpy(segment_.slot(seq).data(), &place_, sizeof place_);
  }

  const Segment& segment_;
  const uint64_t bucket_bytes_;
  const int gpu_;
  const uint64_t place_;
  cuda::DeviceBuffer<std::byte> h2d_;
  cuda::DeviceBuffer<std::byte> ipc_;
  cuda::PinnedBuffer<std::byte> landing_;
  cuda::Stream uploading_;
  cuda::Stream placing_;
  std::array<cuda::Event, 2> placed_;                 // what lay in each H2D buffer
  std::array<std::span<const std::byte>, 2> held_{};  // the same bytes, on the host
  nlohmann::ordered_json handle_;
};

}  // namespace

std::unique_ptr<Stages> make_device_stages(const Segment& segment, const Buffers& buffers, int gpu,
                                           uint64_t place) {
  return std::make_unique<DeviceStages>(segment, buffers, gpu, place);
}

std::function<void()> pinned_copy(int gpu, size_t bytes) {
  struct Link {
    cuda::PinnedBuffer<std::byte> from;
    cuda::DeviceBuffer<std::byte> to;
    cuda::Stream stream;
  };
  cuda::use_device(gpu);
  auto link = std::make_shared<Link>();
  link->from = {bytes, "the measurement"};
  link->to = {bytes, "the measurement"};
  link->stream = cuda::make_stream();
  return [=] {
    select_device(gpu);
    cuda::copy(link->to.data(), link->from.data(), bytes, link->stream.get());
    cuda::synchronise(link->stream.get());
  };
}

}  // namespace podium::ckpt::engine
