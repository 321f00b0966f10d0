// Learner: a trainer's side of reinforcement learning: batches of experiences in, updates of the
// policy and the critic out.
//
// A batch is gone through `epochs` times, each time in another order and in `minibatches` parts of
// its steps; each part is one optimizer update. All trainers of the group take the same updates on
// the mean gradient of their parts, so their weights keep equal bits. The critic is a network of
// its own: it has two outputs, as any classifier here, of which the first counts.
//
// Threads: an object belongs to one thread. Calls are collective over the group where they say so.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ckpt/snapshot.hpp"
#include "comm/communicator.hpp"
#include "learn/descent.hpp"
#include "learn/experience.hpp"
#include "learn/objective.hpp"
#include "learn/policy.hpp"
#include "train/gradient_syncs.hpp"

namespace podium::learn {

struct LearnerOptions {
  PolicyOptions policy;
  std::string critic;  // its architecture, ending in `dense classes`; empty: there is none
  ObjectiveOptions objective;
  DescentOptions descent;
  double critic_lr = 0;  // 0: that of the policy
  int epochs = 1;
  int minibatches = 1;
  uint64_t updates = 0;  // of the whole run, over which a falling rate falls; 0: no end
  uint64_t seed = 0;

  int updates_per_batch() const { return epochs * minibatches; }
};

// One update; means over the steps of all trainers' parts.
struct Update {
  uint64_t number = 0;  // counted from 0
  double loss = 0;      // of the policy
  double critic_loss = 0;
  double entropy = 0;
  double kl = 0;
  double clipped_share = 0;
  double importance = 0;
  double gradient_norm = 0;  // of the policy, before it was clipped
  double lr = 0;
};

class Learner {
 public:
  // Collective. `group` outlives it. Throws usage_error for options that make no sense.
  Learner(const EnvironmentInfo& info, const LearnerOptions& options, comm::Communicator& group,
          const train::Exchange& exchange = {});
  ~Learner();

  // Learns from this trainer's share of a batch: experiences of equally many steps each, as many as
  // every other trainer's. Collective. The view is valid until the next call.
  std::span<const Update> learn(std::span<const Experience> batch);

  uint64_t updates() const { return updates_; }
  Policy& policy() { return policy_; }

  // All that the next batch depends on, for exact resume. restore() throws data_error for a state
  // of other networks.
  ckpt::Snapshot save();
  void restore(const ckpt::Snapshot& state);

 private:
  struct Batch;

  Batch lay_out(std::span<const Experience> experiences);
  void judge(Batch& batch);
  void normalise(std::vector<float>& advantages);
  Update update(const Batch& batch, std::span<const uint32_t> rows);
  void compute_policy(const Batch& batch, std::span<const uint32_t> rows, Update& update);
  void compute_critic(const Batch& batch, std::span<const uint32_t> rows, Update& update);
  void exchange(Update& update);
  double done() const;

  const LearnerOptions options_;
  comm::Communicator& group_;
  std::unique_ptr<Objective> objective_;
  Policy policy_;
  std::optional<Network> critic_;
  Descent policy_descent_;
  std::optional<Descent> critic_descent_;
  std::unique_ptr<train::GradientSync> sync_;
  std::vector<float> exchanged_;         // gradients of policy and critic, and statistics
  std::vector<std::byte> observations_;  // of a minibatch
  std::vector<Update> taken_;
  uint64_t updates_ = 0;
};

}  // namespace podium::learn
