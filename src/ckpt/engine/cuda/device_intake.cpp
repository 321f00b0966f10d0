// A worker's intake from IPC buffers on GPUs. Every rank of the pod has one, which is opened for
// the time of an update; the segment says who has a bucket.
//
// Weights that stay on a GPU are copied there, and what is checked is read back from where they
// arrived (the bytes of a bucket that are not wanted, from the IPC buffer). Weights on the host are
// taken from the pinned copy that is checked.
#include <cstring>
#include <nlohmann/json.hpp>
#include <vector>

#include "ckpt/engine/cuda/ipc_buffer.hpp"
#include "ckpt/engine/device_stages.hpp"
#include "core/cuda_handles.hpp"
#include "core/error.hpp"
#include "core/hash.hpp"

namespace podium::ckpt::engine {
namespace {

class DeviceIntake final : public Intake {
 public:
  DeviceIntake(const Segment& segment, const nlohmann::ordered_json& handles, size_t bucket_bytes,
               const size_t* keeper)
      : segment_(segment), bucket_bytes_(bucket_bytes), keeps_(keeper != nullptr) {
    for (const auto& handle : handles) opened_.emplace_back(handle);
    gpu_ = opened_[keeps_ ? *keeper % opened_.size() : 0].gpu();
    cuda::use_device(gpu_);
    check_ = {bucket_bytes, "a bucket to be checked"};
    stream_ = cuda::make_stream();
  }

  Block shadow_memory(size_t bytes) const override {
    if (!keeps_) return {bytes, "the shadow weights"};
    if (bytes == 0) return {};
    select_device(gpu_);
    return to_block(cuda::DeviceBuffer<std::byte>(bytes, "the shadow weights"));
  }

  void take(uint64_t seq, const Bucket& bucket, Wanted& wanted) override {
    show(seq);
    if (!keeps_) {
      read_up_to(bucket.bytes);
      cuda::synchronise(stream_.get());
    }
    for (const Wanted::Move& move : wanted.moves) move_out(move);
    read_up_to(bucket.bytes);
    cuda::synchronise(stream_.get());
    for (Wanted::Part& part : wanted.parts) {
      const Chunk& chunk = *part.chunk;
      part.hash = xxh3(std::as_bytes(check_.span().subspan(chunk.bucket_offset, chunk.bytes)));
    }
  }

 private:
  void show(uint64_t seq) {
    select_device(gpu_);
    uint64_t holder = 0;
    std::memcpy(&holder, segment_.slot(seq).data(), sizeof holder);
    // A slot that is overwritten under our hands; the seat has been dropped then.
    if (holder >= opened_.size()) {
      throw data_error("the IPC buffer of rank " + std::to_string(holder) + " is not known",
                       "checkpoint engine", "join it again");
    }
    bucket_ = opened_[holder].bytes() + seq % segment_.slot_count() * bucket_bytes_;
    read_ = 0;
  }

  void move_out(const Wanted::Move& move) {
    if (!keeps_) {
      std::memcpy(move.to, check_.data() + move.offset, move.bytes);
      return;
    }
    read_up_to(move.offset);
    cuda::copy(move.to, bucket_ + move.offset, move.bytes, stream_.get());
    cuda::copy(check_.data() + move.offset, move.to, move.bytes, stream_.get());
    read_ = move.offset + move.bytes;
  }

  void read_up_to(size_t end) {
    if (read_ >= end) return;
    cuda::copy(check_.data() + read_, bucket_ + read_, end - read_, stream_.get());
    read_ = end;
  }

  const Segment& segment_;
  const size_t bucket_bytes_;
  const bool keeps_;
  int gpu_ = 0;
  std::vector<OpenedMemory> opened_;  // of the ranks of the pod, in order
  cuda::PinnedBuffer<std::byte> check_;
  cuda::Stream stream_;
  const std::byte* bucket_ = nullptr;
  size_t read_ = 0;  // so much of the bucket is in check_
};

}  // namespace

std::unique_ptr<Intake> make_device_intake(const Segment& segment,
                                           const nlohmann::ordered_json& handles,
                                           size_t bucket_bytes, const size_t* keeper) {
  return std::make_unique<DeviceIntake>(segment, handles, bucket_bytes, keeper);
}

}  // namespace podium::ckpt::engine
