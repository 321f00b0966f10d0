#include "ckpt/engine/host/host_stages.hpp"

#include <array>
#include <cstring>
#include <nlohmann/json.hpp>

#include "ckpt/engine/block.hpp"

namespace podium::ckpt::engine {
namespace {

class HostStages final : public Stages {
 public:
  HostStages(const Segment& segment, const Buffers& buffers, bool copies)
      : segment_(segment),
        bucket_bytes_(buffers.bucket_bytes),
        h2d_(copies ? buffers.h2d * buffers.bucket_bytes : 0, "the H2D buffers") {}

  Block shard_memory(size_t bytes) const override { return {bytes, "a shard of the weights"}; }
  nlohmann::ordered_json handle() const override { return nlohmann::ordered_json::object(); }

  void upload(size_t buffer, std::span<const std::byte> bucket) override {
    if (h2d_.size() == 0) {
      held_.at(buffer) = bucket;
      return;
    }
    std::byte* const to = h2d_.bytes() + buffer * bucket_bytes_;
    std::memcpy(to, bucket.data(), bucket.size());
    held_.at(buffer) = {to, bucket.size()};
  }

  void place(uint64_t seq, size_t buffer, size_t bytes) override {
    std::memcpy(segment_.slot(seq).data(), held_.at(buffer).data(), bytes);
  }

  std::span<const std::byte> outgoing(size_t buffer, size_t bytes) override {
    return held_.at(buffer).first(bytes);
  }
  std::span<std::byte> landing(uint64_t seq, size_t bytes) override {
    return segment_.slot(seq).first(bytes);
  }
  void landed(uint64_t, size_t) override {}

 private:
  const Segment& segment_;
  uint64_t bucket_bytes_;
  Block h2d_;
  std::array<std::span<const std::byte>, 2> held_{};  // what lies in each H2D buffer
};

class HostIntake final : public Intake {
 public:
  explicit HostIntake(const Segment& segment) : segment_(segment) {}

  Block shadow_memory(size_t bytes) const override { return {bytes, "the memory of shadow weights"}; }
  void show(uint64_t seq, size_t bytes) override { bucket_ = segment_.slot(seq).first(bytes); }
  void take(std::byte* to, size_t offset, size_t bytes) override {
    std::memcpy(to, bucket_.data() + offset, bytes);
  }
  std::span<const std::byte> shown() override { return bucket_; }

 private:
  const Segment& segment_;
  std::span<const std::byte> bucket_;
};

}  // namespace

std::unique_ptr<Stages> make_host_stages(const Segment& segment, const Buffers& buffers,
                                         bool copies) {
  return std::make_unique<HostStages>(segment, buffers, copies);
}

std::unique_ptr<Intake> make_host_intake(const Segment& segment) {
  return std::make_unique<HostIntake>(segment);
}

}  // namespace podium::ckpt::engine
