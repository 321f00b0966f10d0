// Gate: where the inference workers of a pod, and its other checkpoint ranks, come to the engine.
//
// It listens on a Unix socket of the abstract name space, open to processes of the same user, and
// gives everyone the descriptor of the pod's segment, and workers those of the shards that they
// read where they lie. docs/checkpoint_engine.md has the messages.
//
// Threads: one of its own lets processes in and notices at once when one has gone, also while an
// update is under way; who leads the pod calls the rest. A worker that comes during an update takes
// part from the next one.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/channel.hpp"
#include "ckpt/engine/segment.hpp"

namespace podium::ckpt::engine {

class Gate {
 public:
  using Milliseconds = std::chrono::milliseconds;

  // What a worker says when it has all of an update, or has failed.
  struct Outcome {
    std::string name;
    std::string error;  // empty: it has all, and every checksum is right
    uint64_t taken_bytes = 0;
    Json spans;  // [[begin_ns, end_ns], ...] of its reloads, if asked for
  };
  // What workers say when an update begins.
  struct Beginning {
    std::string error;            // why one cannot take it; empty if all can
    std::vector<uint64_t> holds;  // the identity of what each has (plan.hpp); 0: nothing
  };

  // `segment` outlives it. Throws io_error when the socket cannot be made.
  Gate(std::string name, const Segment& segment);
  ~Gate();
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  const std::string& name() const { return name_; }
  // What newcomers are told: the version held, and where to fetch it.
  void greet_with(Json greeting);
  // Waits until so many workers are here, or `limit` is over. Returns how many are.
  size_t wait_for(size_t workers, Milliseconds limit) const;

  // Begins an update with all workers that are here and get ready within `limit`. `first` is the
  // number of the first bucket.
  Beginning begin(Json message, uint64_t first, Milliseconds limit);
  // How many take part now.
  size_t taking() const;
  // Waits for the outcome of each who takes part; who says nothing within `limit` is dropped.
  std::vector<Outcome> collect(Milliseconds limit);
  // Tells them the verdict and ends the update. Returns what they answered.
  std::vector<Json> finish(const Json& verdict, Milliseconds limit);

 private:
  struct Member {
    Channel channel;       // of who leads
    FileDescriptor pulse;  // the same socket, for the gate's thread to see its end
    size_t seat = 0;
    std::string name;
    std::atomic<bool> gone{false};
  };
  using Members = std::vector<std::shared_ptr<Member>>;
  struct Shard {
    FileDescriptor memory;
    size_t bytes = 0;
  };

  void run();
  void let_in();
  void admit(Channel channel, const Json& hello);
  void keep_shard(Channel channel, const Json& told, FileDescriptor memory);
  void send_order(Member& member, const Json& order, Milliseconds limit);
  void bury(const std::vector<int>& ended);
  Members all() const;
  Members members(SeatState state) const;

  const std::string name_;
  const Segment& segment_;
  FileDescriptor listener_;
  FileDescriptor stop_;  // an event that ends the thread
  mutable std::mutex mutex_;
  Members members_;
  std::map<int, Shard> shards_;  // by rank
  Json greeting_ = Json::object();
  std::thread thread_;
};

}  // namespace podium::ckpt::engine
