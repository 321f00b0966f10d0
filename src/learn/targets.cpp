#include "learn/targets.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.hpp"

namespace podium::learn {
namespace {

// Goes through an experience from its last step to its first. `step` gets the row, what the critic
// says of the state after it (0 after a terminal step), and whether the episode went on to the next
// row or, behind the last one, to what the critic tells.
template <typename Do>
void backward(const Trajectories& batch, size_t experience, const Do& step) {
  const auto steps = static_cast<size_t>(batch.steps);
  const bool critic = !batch.values.empty();
  for (size_t t = steps; t-- > 0;) {
    const size_t row = experience * steps + t;
    const bool last = t + 1 == steps;
    double next = 0;
    if (critic && batch.ends[row] == Ending::none) {
      next = last ? batch.last_values[experience] : batch.values[row + 1];
    } else if (critic && batch.ends[row] == Ending::truncated) {
      next = batch.values[row];
    }
    step(row, next, batch.ends[row] == Ending::none && !last);
  }
}

void check(const Trajectories& batch, bool critic) {
  const size_t rows = static_cast<size_t>(batch.experiences) * static_cast<size_t>(batch.steps);
  require(batch.rewards.size() == rows && batch.ends.size() == rows, "rows that are missing",
          "targets");
  const bool values = batch.values.size() == rows &&
                      batch.last_values.size() == static_cast<size_t>(batch.experiences);
  require(values || (!critic && batch.values.empty()), "values that are missing", "targets");
}

Targets blank(const Trajectories& batch) {
  Targets targets;
  targets.advantages.resize(batch.rewards.size());
  targets.values.resize(batch.values.size());
  return targets;
}

}  // namespace

Targets return_targets(const Trajectories& batch, double discount) {
  check(batch, false);
  Targets targets = blank(batch);
  std::vector<double> returns(batch.rewards.size());
  for (size_t b = 0; b < static_cast<size_t>(batch.experiences); ++b) {
    double later = 0;
    backward(batch, b, [&](size_t row, double next, bool goes_on) {
      later = batch.rewards[row] + discount * (goes_on ? later : next);
      returns[row] = later;
    });
  }
  const double mean = std::accumulate(returns.begin(), returns.end(), 0.0) /
                      static_cast<double>(std::max<size_t>(1, returns.size()));
  for (size_t row = 0; row < returns.size(); ++row) {
    const double baseline = batch.values.empty() ? mean : batch.values[row];
    targets.advantages[row] = static_cast<float>(returns[row] - baseline);
    if (!batch.values.empty()) targets.values[row] = static_cast<float>(returns[row]);
  }
  return targets;
}

Targets gae_targets(const Trajectories& batch, double discount, double lambda) {
  check(batch, true);
  Targets targets = blank(batch);
  for (size_t b = 0; b < static_cast<size_t>(batch.experiences); ++b) {
    double later = 0;
    backward(batch, b, [&](size_t row, double next, bool goes_on) {
      const double delta = batch.rewards[row] + discount * next - batch.values[row];
      later = delta + (goes_on ? discount * lambda * later : 0);
      targets.advantages[row] = static_cast<float>(later);
      targets.values[row] = static_cast<float>(later + batch.values[row]);
    });
  }
  return targets;
}

Targets vtrace_targets(const Trajectories& batch, double discount, double rho_most, double c_most) {
  check(batch, true);
  require(batch.proximal_log_probability.size() == batch.rewards.size() &&
              batch.behaviour_log_probability.size() == batch.rewards.size(),
          "log probabilities that are missing", "vtrace_targets");
  Targets targets = blank(batch);
  for (size_t b = 0; b < static_cast<size_t>(batch.experiences); ++b) {
    double above = 0;  // v_{s+1} - V(x_{s+1})
    backward(batch, b, [&](size_t row, double next, bool goes_on) {
      if (!goes_on) above = 0;
      const double ratio = std::exp(double{batch.proximal_log_probability[row]} -
                                    double{batch.behaviour_log_probability[row]});
      const double value = batch.values[row];
      const double delta =
          std::min(rho_most, ratio) * (batch.rewards[row] + discount * next - value);
      targets.advantages[row] =
          static_cast<float>(batch.rewards[row] + discount * (next + above) - value);
      above = delta + discount * std::min(c_most, ratio) * above;
      targets.values[row] = static_cast<float>(value + above);
    });
  }
  return targets;
}

}  // namespace podium::learn
