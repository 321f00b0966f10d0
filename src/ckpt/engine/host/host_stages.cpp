#include "ckpt/engine/host/host_stages.hpp"

#include <array>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "ckpt/engine/block.hpp"

namespace podium::ckpt::engine {
namespace {

class HostStages final : public Stages {
 public:
  HostStages(const Segment& segment, const Buffers& buffers, bool copies)
      : segment_(segment),
        bucket_bytes_(buffers.bucket_bytes),
        h2d_(copies ? buffers.h2d * buffers.bucket_bytes : 0, "the H2D buffers") {}

  bool direct() const override { return h2d_.size() == 0; }
  Block shard_memory(size_t bytes) const override {
    constexpr const char* what = "a shard of the weights";
    return direct() ? Block::shared(bytes, what) : Block(bytes, what);
  }
  nlohmann::ordered_json handle() const override { return nlohmann::ordered_json::object(); }

  void upload(size_t buffer, std::span<const std::byte> bucket) override {
    if (direct()) {
      held_.at(buffer) = bucket;
      return;
    }
    std::byte* const to = h2d_.bytes() + buffer * bucket_bytes_;
    std::memcpy(to, bucket.data(), bucket.size());
    held_.at(buffer) = {to, bucket.size()};
  }

  void place(uint64_t seq, size_t buffer, size_t bytes) override {
    if (!direct()) std::memcpy(segment_.slot(seq).data(), held_.at(buffer).data(), bytes);
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
  HostIntake(const Segment& segment, SharedShards shards)
      : segment_(segment), shards_(std::move(shards)) {}

  Block shadow_memory(size_t bytes) const override {
    return {bytes, "the memory of shadow weights"};
  }

  void take(uint64_t seq, const Bucket& bucket, Wanted& wanted) override {
    take_from(where(seq, bucket).first(bucket.bytes), wanted, stream_);
  }

 private:
  std::span<const std::byte> where(uint64_t seq, const Bucket& bucket) const {
    const auto owner = static_cast<size_t>(bucket.owner);
    if (owner >= shards_.size() || shards_[owner].empty()) return segment_.slot(seq);
    return shards_[owner].subspan(bucket.shard_offset);
  }

  const Segment& segment_;
  const SharedShards shards_;
  Xxh3Stream stream_;
};

}  // namespace

std::unique_ptr<Stages> make_host_stages(const Segment& segment, const Buffers& buffers,
                                         bool copies) {
  return std::make_unique<HostStages>(segment, buffers, copies);
}

std::unique_ptr<Intake> make_host_intake(const Segment& segment, SharedShards shards) {
  return std::make_unique<HostIntake>(segment, std::move(shards));
}

}  // namespace podium::ckpt::engine
