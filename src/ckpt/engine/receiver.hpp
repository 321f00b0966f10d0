// Receiver: the side of an inference worker, a process without MPI.
//
// It sits at the gate of its pod, takes buckets from the IPC buffer into its shadow weights, checks
// every one against the checksum of whoever held it, and swaps when all have agreed; until then,
// and after any failure, the weights from before stand as they were. A worker may want a part of
// the model only, as where several share one model. One thread.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "ckpt/engine/block.hpp"
#include "ckpt/engine/channel.hpp"
#include "ckpt/engine/intake.hpp"
#include "ckpt/engine/plan.hpp"
#include "ckpt/engine/segment.hpp"
#include "core/trace.hpp"

namespace podium::ckpt::engine {

// Weights of one version, or of a part of the model: the bytes [first, first + memory.size()).
struct Weights {
  Layout layout;  // version 0: none yet
  uint64_t first = 0;
  uint64_t bytes = 0;
  Block memory;

  uint64_t version() const { return layout.version; }
  // The bytes of a tensor. REQUIRES: they are in this part, and on the host.
  std::span<const std::byte> of(const Tensor& tensor) const {
    return memory.span().subspan(tensor.place - first, tensor.bytes);
  }
};

// Shadow weights while they fill.
class Shadow {
 public:
  // For part `part` of `parts` of the model, on the host. Throws unavailable_error.
  Shadow(const Plan& plan, size_t part, size_t parts);
  // In memory of `intake`; `memory` of an earlier one is used where it is large enough.
  Shadow(const Plan& plan, size_t part, size_t parts, const Intake& intake, Block memory);

  // Takes what belongs here of a bucket, and checks all of it. False, and why() says which, when
  // the checksum is wrong.
  bool take(const Plan& plan, const Bucket& bucket, std::span<const std::byte> bytes);
  // The same of bucket `seq` of the IPC buffer.
  bool take(const Plan& plan, const Bucket& bucket, Intake& intake, uint64_t seq);
  bool wants(const Plan& plan, const Bucket& bucket) const;

  const std::string& why() const { return why_; }
  Weights finish(Layout layout);

 private:
  void place(const Plan& plan, size_t part, size_t parts);
  bool check(const Bucket& bucket, std::span<const std::byte> bytes);
  template <typename Take>
  bool take_items(const Plan& plan, const Bucket& bucket, const Take& take_item);

  uint64_t first_ = 0;
  uint64_t last_ = 0;
  Block memory_;
  std::string why_;
};

struct ReceiverOptions {
  std::string name = "worker";
  size_t part = 0;
  size_t parts = 1;
  std::chrono::milliseconds limit{120'000};  // for any one step of an update
  // Where buckets come by GPUs the weights stay there, on that of the pod's rank `part`: the host
  // does not address them.
  bool keeps_on_gpu = false;
};

class Receiver {
 public:
  // Takes a seat. Throws unavailable_error when nobody is there.
  Receiver(const std::string& gate, ReceiverOptions options);

  // What the gate said: "version" held, "peers" and "secret" to fetch it by.
  const Json& greeting() const { return greeting_; }

  // Waits up to `limit` for an update and takes part in it. True when there are new weights; false
  // when nothing began, or the engine gave the update up (why() tells). Throws unavailable_error
  // when this worker was dropped or the engine has gone: then it must come again.
  bool take(std::chrono::milliseconds limit);

  const Weights& weights() const { return current_; }
  Weights release() { return std::move(current_); }
  const std::string& why() const { return why_; }

 private:
  bool reload(const Plan& plan, uint64_t first, Shadow& shadow, Intake& intake);
  void tell_outcome(const Plan& plan, const Shadow& shadow);
  bool wait_published(uint64_t seq);
  bool conclude(const Plan& plan, Shadow& shadow);
  Json expect(const char* what);

  ReceiverOptions options_;
  Channel channel_;
  Json greeting_;
  std::string why_;
  std::unique_ptr<Segment> segment_;
  size_t seat_ = 0;
  SpanRecorder spans_;
  Weights current_;
  Block spare_;  // of the version before, for the next shadow
};

}  // namespace podium::ckpt::engine
