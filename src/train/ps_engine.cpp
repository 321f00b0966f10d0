#include "train/ps_engine.hpp"

#include "core/clock.hpp"
#include "nn/ops.hpp"

namespace podium::train {

void PsEngine::start_epoch(const EpochPlan& plan) {
  if (!client_.started()) client_.start(served_state(state_));
  batches_.start_epoch(plan);
  steps_.start_epoch(plan);
}

std::span<const Step> PsEngine::advance() {
  return batches_.advance([this](const io::Batch& batch, int64_t step, double lr) {
    const double share =
        static_cast<double>(batch.count()) / static_cast<double>(batch.global_count);
    return steps_.take(batch, step, {.lr = static_cast<float>(lr * share)});
  });
}

// Between the barriers nobody pushes.
void PsEngine::settle() {
  if (!client_.started()) return;
  client_.meet();
  const Stopwatch watch;
  std::vector<float> served(2 * static_cast<size_t>(state_.model.parameter_count()));
  client_.pull(served);
  put_served_state(state_, served);
  batches_.add_seconds(watch.seconds());
  client_.meet();
}

}  // namespace podium::train
