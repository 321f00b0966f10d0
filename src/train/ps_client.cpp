#include "train/ps_client.hpp"

#include "comm/barrier.hpp"
#include "core/error.hpp"
#include "train/recipe_check.hpp"

namespace podium::train {
namespace {

// Sums of gradients, which each trainer applies by itself, or the recipe's own optimizer.
ps::OptimizerOptions optimizer_of(const nn::Sgd& sgd, bool in_step) {
  if (!in_step) return served_optimizer(sgd);
  ps::OptimizerOptions options;
  options.rule = ps::Rule::step_sum;
  return options;
}

}  // namespace

ps::OptimizerOptions served_optimizer(const nn::Sgd& sgd) {
  ps::OptimizerOptions options;
  options.rule = ps::Rule::momentum;
  options.momentum = sgd.options().momentum;
  options.nesterov = true;
  options.weight_decay = sgd.options().weight_decay;
  for (const nn::SgdRange& range : sgd.ranges()) {
    options.ranges.push_back({range.end, range.lr_factor, range.decay});
  }
  return options;
}

std::vector<ps::NamedSize> parameters_of(const nn::Model& model) {
  std::vector<ps::NamedSize> buffers;
  for (const nn::BufferInfo& info : model.buffers()) {
    if (!info.statistic) buffers.push_back({info.name, info.count});
  }
  return buffers;
}

PsClient::PsClient(comm::Communicator& group, const TrainingState& state, ps::GroupOptions options,
                   std::unique_ptr<Servers> servers)
    : group_(group),
      options_(std::move(options)),
      servers_(std::move(servers)),
      buffers_(parameters_of(state.model)),
      buckets_(comm::make_buckets(static_cast<size_t>(state.model.parameter_count()),
                                  nn::layer_starts(state.model.buffers()))) {
  check_consistency(state.recipe, options_.consistency);
  options_.optimizer = optimizer_of(state.optimizer, in_step());
}

// No step is taken before the servers know whom to wait for.
void PsClient::start(std::span<const float> state) {
  worker_ = servers_->start({buffers_, options_, state});
  meet();
}

void PsClient::meet() {
  comm::barrier(group_, {group_.policy().limit, Backoff::Kind::idle});
}

void PsClient::begin_push(std::span<const float> values, const ps::PushOptions& how) {
  require(started(), "there are no servers yet", "PsClient::begin_push");
  values_ = values;
  how_ = how;
}

void PsClient::ready(size_t first) {
  if (buckets_.size() == 1) return;
  const Stopwatch watch;
  if (pushed_ == 0) {
    since_first_push_.restart();
    blocked_s_ = 0;
  }
  for (; pushed_ < buckets_.size() && buckets_[pushed_].begin >= first; ++pushed_) {
    const comm::Bucket& bucket = buckets_[pushed_];
    worker_->push(values_.subspan(bucket.begin, bucket.count()), bucket.begin, how_);
  }
  blocked_s_ += watch.seconds();
}

void PsClient::finish_step(std::span<float> theta) {
  if (pushed_ > 0) {
    times_.hidden_s += since_first_push_.seconds() - blocked_s_;
    times_.exposed_s += blocked_s_;
  }
  const Stopwatch watch;
  if (pushed_ == 0 && !values_.empty()) {
    worker_->step(values_, theta, how_);
  } else {
    worker_->tick();
    worker_->pull_all(theta);
  }
  times_.exposed_s += watch.seconds();
  values_ = {};
  pushed_ = 0;
}

void PsClient::pull(std::span<float> state) {
  const Stopwatch watch;
  worker_->pull_state(state);
  times_.exposed_s += watch.seconds();
}

void PsClient::leave() {
  if (!worker_) return;
  worker_->leave();
  meet();
}

PsReport PsClient::report() {
  return share_report(told(), options_, servers_->restarts(), group_);
}

}  // namespace podium::train
