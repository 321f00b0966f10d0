// Engine: takes new weights from the checkpoint ranks, which hold them in shards, to the inference
// workers of every pod, while both go on with their work (docs/checkpoint_engine.md).
//
//   make_shard() ... fill ... hold()    each rank has its slice; metas are gathered once
//   update()                            rounds of H2D, broadcast, reload; all agree; workers swap
//
// Versioned and atomic: either all workers that take part to the end serve the new version, or all
// go on with the one before. A worker that is lost on the way is dropped, and fetches the version
// from point to point when it returns. All calls but make_shard() are collective over the group,
// and from one thread.
#pragma once

#include <functional>
#include <optional>

#include "ckpt/engine/engine_options.hpp"
#include "ckpt/engine/gate.hpp"
#include "ckpt/engine/peers.hpp"
#include "ckpt/engine/rounds.hpp"

namespace podium::ckpt::engine {

struct WorkerSpans {
  int pod = 0;
  std::string worker;
  std::vector<std::pair<int64_t, int64_t>> reloads;  // begin and end, ns
};

// What of a version an update moves: what workers lack, or all of it, as for a measurement.
enum class Extent { changes, whole };

struct UpdateReport {
  uint64_t version = 0;
  bool committed = false;
  std::string reason;  // why not
  double seconds = 0;  // from the first bucket to the last worker's answer
  uint64_t model_bytes = 0;
  Schedule schedule{};              // that was chosen
  size_t workers = 0;               // that swapped, in all pods
  size_t dropped = 0;               // on the way
  uint64_t taken_bytes = 0;         // by workers, which do not take what they have
  uint64_t sent_bytes = 0;          // from pod to pod
  double swap_s = 0;                // the longest pause of a worker
  std::vector<WorkerSpans> traced;  // on rank 0
};

class Engine {
 public:
  // Collective. Throws usage_error for what does not fit, unavailable_error for lack of memory, on
  // every rank where one has none.
  Engine(comm::Communicator& group, int pods, EngineOptions options);

  // Where the workers of this rank's pod join.
  const std::string& gate() const { return gate_name_; }
  // Where anybody fetches from this job: host:port of each rank.
  const std::vector<std::string>& peers() const { return peers_; }
  const Fit& buffers() const { return fit_; }
  // Whether buckets go by GPUs.
  bool on_gpus() const { return on_gpus_; }

  // A shard to be filled and sealed. The memory of one that nobody needs any more is used again.
  std::unique_ptr<HostShard> make_shard(uint64_t version, std::string card,
                                        std::vector<Piece> pieces);
  // Gathers the metas of all ranks and plans. Throws data_error on all ranks when they do not fit
  // together. Returns the seconds it took.
  double hold(std::unique_ptr<HostShard> shard);
  // Moves what is held to the workers that are at the gates, of which so many are waited for in
  // each pod, for up to `patience`; by `schedule` where the buffers allow it. Chunks that workers
  // have from the versions before stay where they are. Throws internal_error when a rank stays
  // away.
  UpdateReport update(size_t workers, std::chrono::milliseconds patience,
                      std::optional<Schedule> schedule = {}, Extent extent = Extent::changes);
  // Lets newcomers fetch what is held, without a broadcast.
  void offer();

  const Plan& plan() const { return plan_; }
  Rounds& rounds() { return *rounds_; }

 private:
  struct Course;  // of one update

  bool leads() const { return gate_ != nullptr; }
  void share_segment();
  void make_stages();
  void all_agree(const std::string& failure, const char* what);
  std::string first_failure(const std::string& own, bool own_lack = false,
                            bool* any_lacks = nullptr);
  void tell_shard(const HostShard& shard) const;
  Json order(Extent extent) const;
  void call_in(Course& course, size_t workers, std::chrono::milliseconds patience);
  void move(Course& course, Schedule wish);
  void conclude(Course& course);
  void add_up(UpdateReport& report, const Json& own) const;

  comm::Communicator& group_;
  const EngineOptions options_;
  const Pods pods_;
  const Fit fit_;
  const bool on_gpus_;
  std::string gate_name_;
  std::unique_ptr<Segment> segment_;
  std::unique_ptr<Gate> gate_;  // of who leads a pod
  std::unique_ptr<Stages> stages_;
  Json handles_ = Json::array();  // of the stages of this rank's pod
  std::unique_ptr<PeerServer> server_;
  std::vector<std::string> peers_;
  std::unique_ptr<Rounds> rounds_;
  std::vector<Metas> metas_;
  Plan plan_;
  Plan served_;                // of the last update that was committed
  std::vector<char> changed_;  // which chunks of plan_ are not the same there
  std::shared_ptr<HostShard> shard_;
  std::shared_ptr<HostShard> before_;  // whose memory may be used again
  uint64_t next_bucket_ = 0;           // number of the next update's first
};

}  // namespace podium::ckpt::engine
