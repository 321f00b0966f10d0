// WeightsMover: the checkpoint engine in the hands of the ckpt ranks of a job.
//
// A ckpt rank that published a model keeps it, and each other one its shard (shards.hpp), until the
// conductor orders all of them to move it, in one order on every rank; then they take it to the
// replicas that have come to their gates, each bringing its slice. Each ckpt rank is a pod for the
// replicas of its node. Where --engine.sync=disk there is no engine.
#pragma once

#include <map>
#include <memory>

#include "ckpt/engine/engine.hpp"
#include "ckpt/snapshot.hpp"
#include "workflow/job.hpp"
#include "workflow/shards.hpp"

namespace podium::workflow {

class WeightsMover {
 public:
  // Collective over the ckpt ranks.
  WeightsMover(const Job& job, const Log& log);
  ~WeightsMover();

  // What the conductor tells the replicas of a version that this rank has published: null on disk.
  Json address() const;
  // Keeps it for the order to move it.
  void keep(int version, ckpt::Snapshot snapshot);
  // Receives the shard of which rank `from` has sent the header.
  void take_shard(int from);
  // Forgets a model that is not published, or no longer the newest.
  void drop(const Json& order);
  // Collective. `order` names version, owner, model and the replicas that each ckpt rank is to wait
  // for.
  void move(const Json& order);

 private:
  std::unique_ptr<ckpt::engine::HostShard> own_slice(int version);
  std::unique_ptr<ckpt::engine::HostShard> shard_of(const Json& order);
  ModelShard await_shard(const std::string& model);
  void trace(const ckpt::engine::UpdateReport& report);

  const Job& job_;
  const Log& log_;
  std::string secret_;
  std::unique_ptr<ckpt::engine::Engine> engine_;
  Json gates_;  // [{rank, node, gate}]
  std::map<int, ckpt::Snapshot> kept_;
  std::map<std::string, ModelShard> shards_;  // by model
};

}  // namespace podium::workflow
