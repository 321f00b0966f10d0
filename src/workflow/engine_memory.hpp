// EngineMemory: the newest training states in the memory of the checkpoint ranks' nodes: the arrow
// from the checkpoint engine back to the trainers.
//
// Each trainer hands its part of a state to the ckpt rank of its group, which keeps it in the
// memory of its node (node_memory.hpp): in a job of several nodes that is another one than the
// trainers', and it outlives the job. A trainer that starts again asks all ckpt ranks of its job,
// and looks on its own node. Requests and answers are snapshots, on a communicator of their own.
//
//   {"want":"list","model":M}         {"offers":[{"step":S,"where":W}, ...]}
//   {"want":"read","model":M,"step":S}         the state
//   {"want":"keep","model":M,"marker":T,"part":P,"parts":N,"card":C} and buffers    {}
//   {"want":"clear","model":M}        {}
//   any of them may be answered by {"error":TEXT,"code":N}
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "ckpt/state_memory.hpp"
#include "workflow/job.hpp"

namespace podium::workflow {

// The side of a trainer.
class EngineMemory : public ckpt::StateMemory {
 public:
  // States of `model` go to the ckpt rank `holder`. `job` must outlive it.
  EngineMemory(const Job& job, int holder, std::string model);

  int parts(int world) const override { return world; }
  std::vector<ckpt::StateOffer> offers() override;
  void keep(const ckpt::Marker& marker, int part, int parts, const Json& card,
            std::span<const ckpt::NamedBuffer> buffers) override;
  void clear() override;

 private:
  ckpt::Snapshot ask(int rank, Json card, std::span<const ckpt::NamedBuffer> buffers = {}) const;

  const Job& job_;
  int holder_;
  std::string model_;
  std::shared_ptr<ckpt::StateMemory> own_node_;
};

// The side of a ckpt rank.
class EngineMemoryHost {
 public:
  explicit EngineMemoryHost(const Job& job) : job_(job) {}

  // Answers one request if one has come; false if not.
  bool answer();

 private:
  ckpt::Snapshot answer_to(const ckpt::Snapshot& request);
  ckpt::StateMemory& memory_of(const std::string& model);

  const Job& job_;
  std::map<std::string, std::shared_ptr<ckpt::StateMemory>> memories_;
};

}  // namespace podium::workflow
