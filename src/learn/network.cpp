#include "learn/network.hpp"

#include <algorithm>
#include <cstring>

#include "core/error.hpp"
#include "nn/architecture.hpp"
#include "nn/backend.hpp"
#include "nn/executor.hpp"

namespace podium::learn {
namespace {

bool has_dropout(const std::vector<nn::LayerSpec>& layers) {
  return std::ranges::any_of(layers, [](const nn::LayerSpec& layer) {
    return layer.kind == nn::LayerKind::dropout || has_dropout(layer.body);
  });
}

nn::ModelCard card_of(const EnvironmentInfo& info, const NetworkOptions& options) {
  nn::ModelCard card;
  card.name = options.name;
  card.architecture = options.architecture;
  card.image = info.shape;
  card.classes = options.outputs;
  card.class_names = options.output_names;
  card.preprocess = options.preprocess;
  if (card.preprocess.mean.empty()) {
    card.preprocess.mean.assign(static_cast<size_t>(info.shape.channels), 0.0F);
    card.preprocess.stddev.assign(static_cast<size_t>(info.shape.channels), 1.0F);
  }
  return card;
}

nn::Model make_model(const EnvironmentInfo& info, const NetworkOptions& options) {
  if (info.type == ObservationType::vector && options.device.on_gpu()) {
    throw usage_error("observations of '" + info.name + "' are computed on hosts only",
                      "--device=cuda", "use --device=cpu");
  }
  if (has_dropout(nn::parse_architecture(options.architecture).layers)) {
    throw usage_error("a policy with 'dropout' would learn otherwise than it acts",
                      "architecture '" + options.architecture + "'", "leave it out");
  }
  require(options.block > 0, "a block without rows", "Network");
  nn::Numerics exact;
  exact.rounding = nn::Rounding::exact;
  return {card_of(info, options), nn::make_ops(options.device, options.threads, exact),
          options.block};
}

}  // namespace

Network::Network(const EnvironmentInfo& info, const NetworkOptions& options, uint64_t seed)
    : type_(info.type),
      row_bytes_(info.observation_bytes()),
      outputs_(static_cast<size_t>(options.outputs)),
      block_(static_cast<size_t>(options.block)),
      model_(make_model(info, options)),
      gradients_(static_cast<size_t>(model_.parameter_count())),
      block_outputs_(block_ * outputs_),
      block_gradient_(block_ * outputs_) {
  if (!model_.statistics().empty()) {
    throw usage_error("a policy with 'bn' would learn otherwise than it acts",
                      "architecture '" + options.architecture + "'",
                      "leave it out, also in 'res' and the shortcuts of 'add'");
  }
  model_.initialise(seed);
}

void Network::compute(std::span<const std::byte> observations, std::span<float> outputs) {
  const size_t rows = observations.size() / row_bytes_;
  require(rows * row_bytes_ == observations.size() && rows * outputs_ == outputs.size(),
          "outputs that are not one row an observation", "Network");
  for (size_t first = 0; first < rows; first += block_) {
    const size_t count = std::min(block_, rows - first);
    forward(observations.subspan(first * row_bytes_, count * row_bytes_));
    std::copy_n(block_outputs_.begin(), count * outputs_,
                outputs.subspan(first * outputs_).begin());
  }
}

void Network::differentiate(std::span<const std::byte> observations, const Down& down) {
  const size_t rows = observations.size() / row_bytes_;
  require(rows * row_bytes_ == observations.size(), "a part of an observation", "Network");
  std::ranges::fill(gradients_, 0.0F);
  nn::Ops& ops = model_.ops();
  nn::Executor& executor = model_.training_executor(static_cast<int>(block_));
  for (size_t first = 0; first < rows; first += block_) {
    const size_t count = std::min(block_, rows - first);
    forward(observations.subspan(first * row_bytes_, count * row_bytes_));
    std::ranges::fill(block_gradient_, 0.0F);
    down(first, std::span(block_outputs_).first(count * outputs_),
         std::span(block_gradient_).first(count * outputs_));
    ops.copy(block_gradient_, executor.logits_gradient());
    executor.backward({});
    ops.end_backward();
    const std::span<const float> of_block = model_.gradients();
    for (size_t i = 0; i < gradients_.size(); ++i) gradients_[i] += of_block[i];
  }
}

// Leaves the outputs of up to a block of rows in block_outputs_.
void Network::forward(std::span<const std::byte> rows) {
  nn::Ops& ops = model_.ops();
  nn::Executor& executor = model_.training_executor(static_cast<int>(block_));
  ops.begin_step({});
  load(rows);
  executor.forward({});
  ops.copy({executor.logits(), block_outputs_.size()}, block_outputs_.data());
  ops.synchronise();
}

void Network::load(std::span<const std::byte> rows) {
  nn::Executor& executor = model_.training_executor(static_cast<int>(block_));
  if (type_ == ObservationType::image) {
    model_.ops().load_images(
        {reinterpret_cast<const uint8_t*>(rows.data()), rows.size()}, model_.card().preprocess,
        {executor.input(), model_.card().image, executor.batch(), nn::Pass::training, false});
    return;
  }
  std::memcpy(executor.input(), rows.data(), rows.size());
  std::memset(reinterpret_cast<std::byte*>(executor.input()) + rows.size(), 0,
              block_ * row_bytes_ - rows.size());
}

}  // namespace podium::learn
