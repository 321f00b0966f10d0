// PsClient: one trainer's side of the parameter servers of its group: what is shared by the two
// ways of training through them (ps_sync.hpp, ps_engine.hpp), and what is told of them afterwards.
//
// Θ is the model's parameters in their order, or, for bsp, what their gradients add up to. With the
// parameters the servers hold their momentum, of the same length.
//
// Threads: belongs to its trainer's thread.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "comm/buckets.hpp"
#include "comm/communicator.hpp"
#include "core/clock.hpp"
#include "ps/worker.hpp"
#include "train/gradient_sync.hpp"
#include "train/ps_report.hpp"
#include "train/servers.hpp"
#include "train/training_state.hpp"

namespace podium::train {

// The model's parameters as the servers' buffers, and the recipe's optimizer as their rule.
std::vector<ps::NamedSize> parameters_of(const nn::Model& model);
ps::OptimizerOptions served_optimizer(const nn::Sgd& sgd);

class PsClient {
 public:
  // `group` must outlive the object. The optimizer of `options` is chosen here: by the consistency,
  // and for ssp and asp that of `state`. Throws usage_error for a recipe that averages weights
  // which no two trainers have at the same time.
  PsClient(comm::Communicator& group, const TrainingState& state, ps::GroupOptions options,
           std::unique_ptr<Servers> servers);

  // Whether all trainers take their steps together, so that an exchange of gradients is all there
  // is to do: bsp. Else the servers hold the weights.
  bool in_step() const { return options_.consistency == ps::Consistency::bsp; }

  // Starts the servers with Θ and, behind it, its momentum where they hold that. Once, before all
  // below. Collective.
  void start(std::span<const float> state);
  bool started() const { return worker_ != nullptr; }

  // Waits for all trainers, asleep: some may be far behind. Collective.
  void meet();

  // A step. First what is pushed in it, if anything: values like Θ that become ready from their
  // end, and travel bucket by bucket meanwhile; all in one message where there is but one bucket.
  void begin_push(std::span<const float> values, const ps::PushOptions& how);
  void ready(size_t first);
  // Then its end: tells the servers, and pulls Θ as the next step may see it. `theta` may be what
  // was pushed.
  void finish_step(std::span<float> theta);

  // Θ and, behind it, its momentum, between two steps.
  void pull(std::span<float> state);

  // Waiting with nothing else to do, and pushes under way meanwhile.
  ExchangeTimes times() const { return times_; }

  // No step follows: nobody waits for this trainer any more. Collective, so that the servers stay
  // until all have left.
  void leave();

  // Of this trainer.
  ps::WorkerReport told() const { return worker_ ? worker_->report() : ps::WorkerReport(); }
  // Of all trainers, on each of them. Collective.
  PsReport report();

 private:
  comm::Communicator& group_;
  ps::GroupOptions options_;
  std::unique_ptr<Servers> servers_;
  std::unique_ptr<ps::Worker> worker_;  // from start() on; goes before the servers
  std::vector<ps::NamedSize> buffers_;
  std::vector<comm::Bucket> buckets_;
  std::span<const float> values_;  // that the step under way pushes
  ps::PushOptions how_;
  size_t pushed_ = 0;  // buckets of them
  ExchangeTimes times_;
  Stopwatch since_first_push_;
  double blocked_s_ = 0;  // since then
};

}  // namespace podium::train
