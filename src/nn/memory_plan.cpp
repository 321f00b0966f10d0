#include "nn/memory_plan.hpp"

#include <algorithm>
#include <numeric>

namespace podium::nn {
namespace {

constexpr size_t kAlignmentFloats = kAlignmentBytes / sizeof(float);

size_t align_up(size_t count) {
  return (count + kAlignmentFloats - 1) / kAlignmentFloats * kAlignmentFloats;
}

bool alive_together(const Lifetime& a, const Lifetime& b) {
  return a.first <= b.last && b.first <= a.last;
}

// The lowest start at which `buffer` overlaps none of `placed`, which are sorted by offset.
size_t first_fit(size_t buffer, std::span<const Lifetime> lifetimes,
                 const std::vector<size_t>& placed, const std::vector<size_t>& offsets) {
  size_t start = 0;
  for (const size_t other : placed) {
    if (!alive_together(lifetimes[buffer], lifetimes[other])) continue;
    if (start + lifetimes[buffer].count <= offsets[other]) break;
    start = std::max(start, align_up(offsets[other] + lifetimes[other].count));
  }
  return start;
}

// Collects the moments at which values and gradients are used. Layer i runs forward at moment i and
// backward at moment 2L - i; the loss stands between them at moment L.
class LifetimeCollector {
 public:
  LifetimeCollector(const NetworkPlan& network, int batch, Pass pass)
      : network_(network),
        pass_(pass),
        values_(network.values.size()),
        lifetimes_(2 * network.values.size()) {
    for (size_t v = 0; v < values_; ++v) {
      const auto count = static_cast<size_t>(network.values[v].shape.size() * batch);
      lifetimes_[v].count = lifetimes_[values_ + v].count = count;
    }
  }

  std::vector<Lifetime> collect() {
    const int layers = static_cast<int>(network_.layers.size());
    use_data(0, -1);
    use_data(network_.output, layers);
    if (pass_ == Pass::training) use_gradient(network_.output, layers);
    for (int i = 0; i < layers; ++i) {
      const LayerPlan& layer = network_.layers[static_cast<size_t>(i)];
      for (const int id : {layer.source, layer.side, layer.result}) {
        if (id == kNoValue) continue;
        use_data(id, i);
        if (pass_ == Pass::training) use_backward(layer, id, 2 * layers - i);
      }
    }
    return std::move(lifetimes_);
  }

 private:
  void use_backward(const LayerPlan& layer, int id, int moment) {
    use_gradient(id, moment);
    const bool reads_input = layer.op == LayerOp::convolution || layer.op == LayerOp::dense ||
                             layer.op == LayerOp::batch_norm;
    const bool reads_output = layer.masks_own_gradient() || layer.op == LayerOp::relu;
    if ((reads_input && id == layer.source) || (reads_output && id == layer.result)) {
      use_data(id, moment);
    }
  }

  void use_data(int id, int moment) { use(static_cast<size_t>(value(id).storage), moment); }

  void use_gradient(int id, int moment) {
    if (!value(id).gradient_wanted) return;
    use(values_ + static_cast<size_t>(value(id).gradient), moment);
  }

  void use(size_t buffer, int moment) {
    Lifetime& life = lifetimes_[buffer];
    const bool fresh = life.last < life.first;
    life.first = fresh ? moment : std::min(life.first, moment);
    life.last = fresh ? moment : std::max(life.last, moment);
  }

  const ValuePlan& value(int id) const { return network_.values[static_cast<size_t>(id)]; }

  const NetworkPlan& network_;
  Pass pass_;
  size_t values_;
  std::vector<Lifetime> lifetimes_;  // data of each value, then gradients
};

}  // namespace

ArenaPlan plan_arena(std::span<const Lifetime> lifetimes) {
  ArenaPlan plan;
  plan.offsets.assign(lifetimes.size(), 0);
  std::vector<size_t> by_size(lifetimes.size());
  std::iota(by_size.begin(), by_size.end(), size_t{0});
  std::stable_sort(by_size.begin(), by_size.end(),
                   [&](size_t a, size_t b) { return lifetimes[a].count > lifetimes[b].count; });
  std::vector<size_t> placed;
  for (const size_t buffer : by_size) {
    if (lifetimes[buffer].last < lifetimes[buffer].first) continue;
    const size_t start = first_fit(buffer, lifetimes, placed, plan.offsets);
    plan.offsets[buffer] = start;
    plan.size = std::max(plan.size, start + lifetimes[buffer].count);
    const auto behind =
        std::upper_bound(placed.begin(), placed.end(), start,
                         [&](size_t offset, size_t other) { return offset < plan.offsets[other]; });
    placed.insert(behind, buffer);
  }
  return plan;
}

ActivationPlan plan_activations(const NetworkPlan& network, int batch, Pass pass) {
  const std::vector<Lifetime> lifetimes = LifetimeCollector(network, batch, pass).collect();
  const ArenaPlan arena = plan_arena(lifetimes);
  const size_t values = network.values.size();
  ActivationPlan plan{std::vector<size_t>(values), std::vector<size_t>(values, kNoPlace),
                      arena.size};
  for (size_t v = 0; v < values; ++v) {
    const ValuePlan& value = network.values[v];
    plan.data[v] = arena.offsets[static_cast<size_t>(value.storage)];
    if (pass == Pass::training && value.gradient_wanted) {
      plan.gradients[v] = arena.offsets[values + static_cast<size_t>(value.gradient)];
    }
  }
  return plan;
}

}  // namespace podium::nn
