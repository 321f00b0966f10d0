// The resident engine on CUDA: see resident_engine.hpp.
#include "train/resident_engine.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include "core/clock.hpp"
#include "core/cuda_check.hpp"
#include "core/error.hpp"
#include "core/span_names.hpp"
#include "io/loader/batch_range.hpp"
#include "nn/cuda/cuda_ops.hpp"
#include "nn/executor.hpp"
#include "train/cuda/device_images.hpp"
#include "train/cuda/epoch_tables.hpp"
#include "train/cuda/step_graphs.hpp"

namespace podium::train {
namespace {

// A wish to stop is heard after so many steps at the latest.
constexpr size_t steps_at_once = 4096;

// Launches that may wait for the device while other trainers take part.
constexpr size_t steps_ahead_of_peers = 64;

// Of the memory that is free before the images come: the rest is for what predictions, libraries
// and graphs will ask for.
constexpr double share_for_images = 0.75;

class CudaResidentEngine final : public StepEngine {
 public:
  CudaResidentEngine(const EngineSpec& spec, nn::CudaOps& ops)
      : spec_(spec),
        ops_(ops),
        stream_(ops.stream()),
        exchange_(spec.group.size() > 1 ? spec.sync.on_device() : nullptr) {}

  void start_epoch(const EpochPlan& plan) override;
  std::span<const Step> advance() override;
  WallTime times() const override;

 private:
  void take_up_data();
  void make_executors();
  void move_state_to_device();
  void launch(size_t first, size_t count);
  size_t steps_from(size_t first) const;
  void draw_ahead();
  void wait();

  EngineSpec spec_;
  nn::CudaOps& ops_;
  cudaStream_t stream_;       // of the ops
  DeviceExchange* exchange_;  // null: this trainer is alone
  cuda::DeviceImages images_;
  uint64_t records_ = 0;  // that tables and graphs are made for
  std::optional<cuda::EpochTables> tables_;
  std::optional<cuda::StepGraphs> graphs_;
  std::optional<EpochPlan> plan_;
  std::vector<PlannedStep> planned_;
  size_t next_ = 0;  // of the planned steps
  std::vector<Step> taken_;
  double steps_s_ = 0;
};

void CudaResidentEngine::start_epoch(const EpochPlan& plan) {
  ops_.use();
  podium::cuda::synchronise(stream_);  // an epoch that is dropped
  plan_ = plan;
  plan_->data.shuffle = io::effective_shuffle(spec_.dataset, plan.data.shuffle);
  if (plan_->data.shuffle != io::Shuffle::full) {
    throw unavailable_error("the training images no longer fit in memory together",
                            "--io.cache_memory", "raise it, or set --io.shuffle=full");
  }
  const WeightAverage* average = spec_.state.average ? &*spec_.state.average : nullptr;
  planned_ = plan_steps(*plan_, spec_.dataset.size(io::Split::train), average);
  next_ = static_cast<size_t>(plan.begin);
  take_up_data();
  move_state_to_device();
  tables_->begin(*plan_, planned_, dropout_seed(spec_.state.recipe.seed, plan.data.rank), stream_);
}

// Graphs refer to the tables and these to the images: with other records all are made anew.
void CudaResidentEngine::take_up_data() {
  const bool moved = images_.upload(spec_.dataset, stream_);
  const size_t records = spec_.dataset.size(io::Split::train);
  if (!moved && records == records_) return;
  graphs_.reset();
  tables_.reset();
  const nn::ImageShape& image = spec_.state.model.card().image;
  tables_.emplace(
      plan_->data, records,
      io::ImageShape{static_cast<size_t>(image.height), static_cast<size_t>(image.width),
                     static_cast<size_t>(image.channels)});
  graphs_.emplace(spec_.state, ops_, exchange_, tables_->tables(images_));
  records_ = records;
  make_executors();
}

// A model keeps the executors of some batch sizes and may drop them all to make another one. Graphs
// refer to them, so that all sizes of an epoch must be there before the first is recorded: what the
// first round drops, the second makes again, with room for both.
void CudaResidentEngine::make_executors() {
  std::set<size_t> sizes;
  for (const PlannedStep& step : planned_) sizes.insert(step.images);
  sizes.erase(0);
  for (int round = 0; round < 2; ++round) {
    for (const size_t size : sizes) {
      static_cast<void>(spec_.state.model.training_executor(static_cast<int>(size)));
    }
  }
}

// The host has read and written it since the last epoch.
void CudaResidentEngine::move_state_to_device() {
  TrainingState& state = spec_.state;
  podium::cuda::prefetch(state.model.parameters(), stream_);
  podium::cuda::prefetch(state.model.statistics(), stream_);
  podium::cuda::prefetch(state.optimizer.momentum_buffer(), stream_);
  if (!state.average) return;
  podium::cuda::prefetch(state.average->parameters(), stream_);
  podium::cuda::prefetch(state.average->statistics(), stream_);
}

std::span<const Step> CudaResidentEngine::advance() {
  require(plan_.has_value(), "no epoch is under way", "CudaResidentEngine::advance");
  const size_t first = next_;
  const size_t count = steps_from(first);
  if (count == 0) {
    plan_.reset();
    return {};
  }
  const Stopwatch watch;
  const Timed span(spec_.lane, spans::train);
  launch(first, count);
  next_ += count;
  const std::span<const nn::cuda::DeviceLoss> losses = tables_->fetch_losses(first, count, stream_);
  if (next_ == planned_.size()) draw_ahead();
  wait();
  static_cast<void>(spec_.state.model.parameters());  // predictions go by the new ones
  taken_.clear();
  for (size_t i = 0; i < count; ++i) {
    const PlannedStep& step = planned_[first + i];
    taken_.push_back({step.step, step.lr, losses[i].loss_sum, losses[i].correct, step.images,
                      step.images_of_all});
  }
  steps_s_ += watch.seconds();
  return taken_;
}

// How many are taken at once: to the end of the epoch, but no further than to the next pause.
size_t CudaResidentEngine::steps_from(size_t first) const {
  const size_t most = std::min(steps_at_once, planned_.size() - first);
  if (plan_->pause_every == 0 || most == 0) return most;
  const int64_t to_pause = plan_->pause_every - planned_[first].step % plan_->pause_every;
  return std::min(most, static_cast<size_t>(to_pause));
}

// What is exchanged inside the graphs is part of them, and counts as computing.
WallTime CudaResidentEngine::times() const {
  const auto [exposed_s, hidden_s] = spec_.sync.times();
  return {steps_s_ - exposed_s - hidden_s, 0, exposed_s, hidden_s, 0};
}

// A launch blocks when too many wait, and would for ever behind a sum whose peer is gone: with
// peers, there are never so many.
void CudaResidentEngine::launch(size_t first, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    graphs_->run(planned_[first + i]);
    if (exchange_ != nullptr && (i + 1) % steps_ahead_of_peers == 0) exchange_->wait(stream_);
  }
}

// The next epoch, if there is one, while the device is busy with this one.
void CudaResidentEngine::draw_ahead() {
  EpochPlan next = *plan_;
  ++next.epoch;
  next.first_step += static_cast<int64_t>(planned_.size());
  next.begin = 0;
  if (next.first_step < next.steps_of_run) tables_->draw(next);
}

void CudaResidentEngine::wait() {
  if (exchange_ != nullptr) exchange_->wait(stream_);
  podium::cuda::synchronise(stream_);
}

// Why this run needs the host in its steps; empty when it does not.
std::string why_host(const EngineSpec& spec) {
  if (io::effective_shuffle(spec.dataset, spec.shuffle) != io::Shuffle::full) {
    return "the order of the images is not a full shuffle";
  }
  if (spec.state.recipe.accumulate > 1) return "gradients are accumulated";
  if (spec.group.size() > 1 && spec.sync.on_device() == nullptr) {
    return "gradients are exchanged by the hosts";
  }
  return {};
}

// Once the memory of a training step is taken.
bool fits(const EngineSpec& spec) {
  nn::Model& model = spec.state.model;
  static_cast<void>(model.training_executor(model.max_batch()));
  size_t free_bytes = 0;
  size_t total_bytes = 0;
  podium::cuda::check(cudaMemGetInfo(&free_bytes, &total_bytes), "asking for free memory");
  io::LoaderOptions data;
  data.batch = static_cast<size_t>(spec.state.recipe.batch);
  data.world = static_cast<size_t>(spec.group.size());
  const size_t bytes = cuda::DeviceImages::bytes_for(spec.dataset) +
                       cuda::EpochTables::bytes_for(data, spec.dataset.size(io::Split::train));
  return static_cast<double>(bytes) < share_for_images * static_cast<double>(free_bytes);
}

}  // namespace

ResidentEngine make_resident_engine(const EngineSpec& spec) {
  auto* ops = dynamic_cast<nn::CudaOps*>(&spec.state.model.ops());
  if (ops == nullptr) return {};
  const std::string why = why_host(spec);
  if (!why.empty()) return {nullptr, why};
  if (!fits(spec)) return {nullptr, "the training images do not fit on the GPU"};
  return {std::make_unique<CudaResidentEngine>(spec, *ops), {}};
}

}  // namespace podium::train
