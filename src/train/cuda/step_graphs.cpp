#include "train/cuda/step_graphs.hpp"

#include "core/error.hpp"
#include "nn/executor.hpp"

namespace podium::train::cuda {

StepGraphs::StepGraphs(TrainingState& state, nn::CudaOps& ops, DeviceExchange* exchange,
                       const StepTables& tables)
    : state_(state),
      ops_(ops),
      stream_(ops.stream()),
      exchange_(exchange),
      tables_(tables),
      parameters_(state.model.parameters().size()),
      statistics_(state.model.statistics().size()),
      memory_{state.model.parameters().data(), state.model.gradients().data(),
              state.optimizer.momentum_buffer().data()},
      gradients_(state.model.gradients().data()),
      running_(state.model.statistics().data()),
      ranges_(state.optimizer.ranges()),
      buckets_(exchange == nullptr
                   ? std::vector<comm::Bucket>{{0, parameters_}}
                   : comm::make_buckets(parameters_, nn::layer_starts(state.model.buffers()))) {
  const nn::ModelCard& card = state.model.card();
  shape_ = {static_cast<uint32_t>(card.image.height), static_cast<uint32_t>(card.image.width),
            static_cast<uint32_t>(card.image.channels)};
  static_cast<void>(ops.device_preprocess(card.preprocess));  // copies: not to be recorded
  if (!state.average) return;
  average_parameters_ = state.average->parameters().data();
  average_statistics_ = state.average->statistics().data();
}

void StepGraphs::run(const PlannedStep& step) {
  const Kind kind{step.images, step.images_of_all, step.average_share > 0};
  Recorded& recorded = recorded_[kind];
  if (!recorded.ran) {
    enqueue(step);
    recorded.ran = true;
    return;
  }
  if (!recorded.graph) {
    recorded.graph = podium::cuda::capture(stream_, [&] { enqueue(step); });
  }
  podium::cuda::launch(recorded.graph, stream_);
}

// What is in here may be recorded: it depends on the kind of the step alone.
void StepGraphs::enqueue(const PlannedStep& step) {
  begin_step(tables_, ops_.device_key(), stream_);
  const nn::cuda::DeviceLoss* loss = enqueue_gradients(step);
  if (exchange_ != nullptr) exchange_->join(stream_);
  enqueue_update(step.average_share > 0);
  end_step(tables_, loss, step.images, stream_);
}

// Sends off the weighed gradients of the mean loss over the step's images, zeros if there are none;
// returns where the loss will be, or null.
const nn::cuda::DeviceLoss* StepGraphs::enqueue_gradients(const PlannedStep& step) {
  size_t sent = 0;  // of buckets_
  const auto ready = [&](size_t first) {
    for (; sent < buckets_.size() && buckets_[sent].begin >= first; ++sent) {
      send_off(buckets_[sent], step);
    }
  };
  if (step.images == 0) {
    podium::cuda::fill_zero(gradients_, parameters_ * sizeof(float), stream_);
    ready(0);
    return nullptr;
  }
  const int images = static_cast<int>(step.images);
  nn::Executor& executor = state_.model.training_executor(images);
  require(executor.batch() == images, "an executor of the step's size", "StepGraphs");
  load_batch(tables_, shape_, step.images, input_of(executor), stream_);
  ops_.refresh_weights();
  executor.forward({});  // kernels go by the key on the device
  ops_.cross_entropy_on_device(
      executor.logits(), tables_.batch_labels, images, state_.model.card().classes,
      static_cast<float>(state_.recipe.label_smoothing), executor.logits_gradient());
  executor.backward({}, ready);
  require(sent == buckets_.size(), "a backward pass tells of all gradients", "StepGraphs");
  return ops_.device_loss();
}

void StepGraphs::send_off(const comm::Bucket& bucket, const PlannedStep& step) {
  const std::span<float> part(gradients_ + bucket.begin, bucket.count());
  if (step.images > 0) ops_.finish_gradients(part);
  if (step.images != step.images_of_all) {
    const float weight = static_cast<float>(step.images) / static_cast<float>(step.images_of_all);
    scale(part.data(), part.size(), weight, stream_);
  }
  if (exchange_ != nullptr) exchange_->fork(part, stream_);
}

BatchInput StepGraphs::input_of(const nn::Executor& executor) {
  const nn::Preprocess& preprocess = state_.model.card().preprocess;
  const float* numbers = ops_.device_preprocess(preprocess);
  return {executor.input(), numbers, numbers + preprocess.mean.size(),
          ops_.type_of(nn::Pass::training)};
}

void StepGraphs::enqueue_update(bool averages) {
  nn::cuda::sgd(ranges_, state_.optimizer.options(), {0, &tables_.now->learning_rate}, memory_,
                stream_);
  if (!averages) return;
  const nn::cuda::LateFloat share{0, &tables_.now->average_share};
  const bool lookahead = state_.average->lookahead();
  nn::cuda::approach(memory_.parameters, average_parameters_, parameters_, share, lookahead,
                     stream_);
  nn::cuda::approach(running_, average_statistics_, statistics_, share, lookahead, stream_);
}

}  // namespace podium::train::cuda
