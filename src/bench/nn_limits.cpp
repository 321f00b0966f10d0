#include "bench/nn_limits.hpp"

#include "nn/architecture.hpp"
#include "nn/lowering.hpp"

namespace podium::bench {
namespace {

constexpr double training_passes = 3;   // of products: forward, and backward twice as many
constexpr double training_touches = 5;  // of an activation, with its gradient
constexpr double prediction_touches = 2;

nn::NetworkPlan plan_for(const io::DatasetInfo& info, const train::Recipe& recipe) {
  return nn::plan_network(nn::parse_architecture(recipe.architecture),
                          {static_cast<int>(info.channels), static_cast<int>(info.height),
                           static_cast<int>(info.width)},
                          static_cast<int>(info.classes));
}

// Numbers that the layers of a pass put out.
double outputs(const nn::NetworkPlan& plan, nn::Pass pass) {
  const nn::Fusions fusions = {.norm_pool = true,
                               .norm_sum = true,
                               .norm_moments = false,
                               .folded_norm = true,
                               .sum = false,
                               .channel_block = 0,
                               .image_channels = {}};
  int64_t numbers = 0;
  for (const nn::LayerPlan& layer : nn::lower(plan, pass, fusions).layers) {
    if (layer.op != nn::LayerOp::fork) numbers += layer.output.size();
  }
  return static_cast<double>(numbers);
}

}  // namespace

ImageCost training_cost(const io::DatasetInfo& info, const train::Recipe& recipe) {
  const nn::NetworkPlan plan = plan_for(info, recipe);
  const double bytes = recipe.numerics.precision == nn::Precision::bf16 ? 2 : 4;
  return {training_passes * static_cast<double>(plan.flops),
          training_touches * bytes * outputs(plan, nn::Pass::training)};
}

ImageCost prediction_cost(const io::DatasetInfo& info, const train::Recipe& recipe) {
  const nn::NetworkPlan plan = plan_for(info, recipe);
  const double images = recipe.mirror ? 2 : 1;
  return {images * static_cast<double>(plan.flops),
          images * prediction_touches * 4 * outputs(plan, nn::Pass::inference)};
}

Limit flop_limit(const ImageCost& cost, double peak_flops) {
  return {peak_flops / cost.flops, "FLOP peak"};
}

Limit device_limit(const ImageCost& cost, const nn::DeviceLimits& device) {
  const Limit products = flop_limit(cost, device.flops);
  const Limit memory = {device.bytes_per_s / cost.bytes, "memory limit"};
  return memory.images_per_s < products.images_per_s ? memory : products;
}

}  // namespace podium::bench
