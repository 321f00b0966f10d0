#include "train/epoch_batches.hpp"

#include "core/error.hpp"
#include "core/span_names.hpp"

namespace podium::train {

void EpochBatches::start_epoch(const EpochPlan& plan) {
  loader_.reset();
  plan_ = plan;
  loader_ = std::make_unique<io::Loader>(dataset_, plan.data);
  loader_->start_epoch(plan.epoch, static_cast<size_t>(plan.begin));
}

// At the end nothing of the data set is held.
std::optional<io::Batch> EpochBatches::next() {
  require(loader_ != nullptr, "no epoch is under way", "EpochBatches");
  const Stopwatch watch;
  std::optional<io::Batch> batch;
  {
    const Timed span(lane_, spans::data_wait);
    batch = loader_->next();
  }
  data_wait_s_ += watch.seconds();
  if (!batch) loader_.reset();
  return batch;
}

WallTime EpochBatches::times(const ExchangeTimes& exchange) const {
  return {steps_s_ - exchange.exposed_s - exchange.hidden_s, data_wait_s_, exchange.exposed_s,
          exchange.hidden_s, 0};
}

}  // namespace podium::train
