// Rounds: the loop of an update on one checkpoint rank.
//
// Where the workers of a pod read its shards where they lie, and there is one pod, nothing is moved
// here: buckets are only published. Else, in a round every rank that has one brings its next bucket
// by H2D; the ranks agree in one small exchange that nobody has failed; then the buckets are
// broadcast in turn: the owner writes its own into the IPC buffer of its pod and sends it to one
// rank of each other pod, which receives it into the buffer there. Workers reload meanwhile.
// Nothing is allocated in the loop.
#pragma once

#include <array>
#include <chrono>

#include "ckpt/engine/shard.hpp"
#include "ckpt/engine/uploader.hpp"
#include "comm/communicator.hpp"

namespace podium::ckpt::engine {

// Which ranks share an IPC buffer: ranks in order, `size() / pods` to a pod, the first ones one
// more where that does not divide.
class Pods {
 public:
  // REQUIRES: 1 <= pods <= ranks.
  Pods(int ranks, int pods) : ranks_(ranks), pods_(pods) {}

  int count() const { return pods_; }
  int first(int pod) const { return static_cast<int>(int64_t{pod} * ranks_ / pods_); }
  int of(int rank) const {
    int pod = 0;
    while (first(pod + 1) <= rank) ++pod;
    return pod;
  }
  // The rank of `pod` that takes what `owner` sends: they share the work.
  int receiver(int pod, int owner) const {
    return first(pod) + owner % (first(pod + 1) - first(pod));
  }

 private:
  int ranks_;
  int pods_;
};

struct RoundLimits {
  std::chrono::milliseconds stall{5000};  // of a worker
};

// The largest of all ranks' values, one by one. Collective; a few small messages per rank, no
// allocation.
using Agreement = std::array<uint64_t, 2>;
Agreement agree(comm::Communicator& group, const Agreement& own);

class Rounds {
 public:
  // All outlive it.
  Rounds(comm::Communicator& group, const Pods& pods, const Segment& segment, Stages& stages,
         size_t spans);

  struct Result {
    std::string failure;  // of this rank
    bool failed = false;  // some rank has
    Schedule schedule{};  // at the end
  };
  // Collective. `base` is the number of the plan's first bucket. Between pods travel the chunks
  // that `travels` marks; all where it is empty. Throws internal_error when a rank stays away.
  Result run(const Plan& plan, const HostShard& shard, uint64_t base, Schedule wish,
             const Buffers& buffers, const RoundLimits& limits, std::span<const char> travels = {});

  const SpanRecorder& broadcast_spans() const { return spans_; }
  const SpanRecorder& upload_spans() { return uploader_.spans(); }

 private:
  struct Way;  // of one update

  void publish_all(const Way& way);

  void request_upload(const Way& way, size_t round);
  void send_round(const Way& way, size_t round, Schedule schedule);
  void send_own(const Way& way, size_t index, Schedule schedule);
  void receive_for_pod(const Way& way, size_t index, Schedule schedule);
  void wait_for_slot(const Way& way, uint64_t seq, Schedule schedule);
  void wait_to_publish(const Way& way, uint64_t seq, Schedule schedule);

  comm::Communicator& group_;
  const Pods& pods_;
  const Segment& segment_;
  Stages& stages_;
  Uploader uploader_;
  SpanRecorder spans_;
  std::vector<comm::Request> requests_;
};

}  // namespace podium::ckpt::engine
