// Receiver: the side of an inference worker, a process without MPI.
//
// It sits at the gate of its pod, takes buckets from the shards of its pod and from the IPC buffer
// into its shadow weights (shadow.hpp), and swaps when all have agreed; until then, and after any
// failure, the weights from before stand as they were. A worker may want a part of the model only,
// as where several share one model. One thread.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "core/channel.hpp"
#include "ckpt/engine/segment.hpp"
#include "ckpt/engine/shadow.hpp"
#include "core/trace.hpp"

namespace podium::ckpt::engine {

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
  Weights release();
  const std::string& why() const { return why_; }

 private:
  // A shard that this process has mapped, in the update of that number the last time.
  struct Mapped {
    Block memory;
    uint64_t update = 0;
  };
  // An update as the engine orders it.
  struct Task {
    std::shared_ptr<const Plan> plan;
    uint64_t first = 0;  // number of its first bucket
    std::unique_ptr<Intake> intake;
    std::unique_ptr<Shadow> shadow;
  };

  Task prepare(const Json& order, SharedShards shards);
  std::string map_shards(const Json& order, SharedShards& shards);
  void map_shard(const Json& told, FileDescriptor memory, SharedShards& shards);
  bool refuse(const std::string& why);
  bool reload(Task& task);
  void tell_outcome(const Task& task);
  bool wait_published(uint64_t seq);
  bool conclude(Task& task);
  Json expect(const char* what, FileDescriptor* passed = nullptr);

  ReceiverOptions options_;
  Channel channel_;
  Json greeting_;
  std::string why_;
  std::unique_ptr<Segment> segment_;
  size_t seat_ = 0;
  SpanRecorder spans_;
  std::map<uint64_t, Mapped> mapped_;  // by the number of the memory
  uint64_t updates_ = 0;
  Weights current_;
  std::shared_ptr<const Plan> plan_of_current_;
  Spare spare_;  // of the version before, for the next shadow
};

}  // namespace podium::ckpt::engine
