#include "plan/backward_schedule.hpp"

#include "comm/buckets.hpp"

namespace podium::plan {
namespace {

constexpr double backward_share = 2.0 / 3;  // one pass over the weights' products forward, two back

}  // namespace

std::vector<ReadyBucket> backward_schedule(const nn::NetworkPlan& network, double compute_s) {
  const std::vector<size_t> begins = nn::layer_starts(network.buffers);
  std::vector<ReadyBucket> schedule;
  for (const comm::Bucket& bucket : comm::make_buckets(network.parameter_count, begins)) {
    double done = 0;  // FLOPs of the layers at or behind the one it begins with
    for (const nn::LayerPlan& layer : network.layers) {
      const bool behind = layer.parameters == 0 || layer.weights >= bucket.begin;
      if (behind) done += static_cast<double>(layer.flops);
    }
    const double share =
        bucket.begin == 0 || network.flops == 0 ? 1 : done / static_cast<double>(network.flops);
    schedule.push_back({bucket.count() * sizeof(float),
                        compute_s * (1 - backward_share + backward_share * share)});
  }
  return schedule;
}

}  // namespace podium::plan
