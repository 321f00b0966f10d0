// Targets: beside their definitions, as sums over what is still to come, step by step in double.
#include "learn/targets.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "core/error.hpp"
#include "core/random.hpp"

namespace podium::learn {
namespace {

constexpr double kDiscount = 0.9;

// 12 experiences of 10 steps, in which episodes end in both ways, also at the first and the last.
struct Data {
  int experiences = 12;
  int steps = 10;
  std::vector<float> values;
  std::vector<float> last_values;
  std::vector<float> proximal;
  std::vector<float> behaviour;
  std::vector<float> rewards;
  std::vector<Ending> ends;

  Data() {
    Random random(17);
    for (int row = 0; row < experiences * steps; ++row) {
      values.push_back(static_cast<float>(random.normal()));
      proximal.push_back(static_cast<float>(-1 + 0.5 * random.normal()));
      behaviour.push_back(static_cast<float>(-1 + 0.5 * random.normal()));
      rewards.push_back(static_cast<float>(random.normal()));
      const uint64_t chance = random.below(6);
      ends.push_back(chance == 0   ? Ending::terminal
                     : chance == 1 ? Ending::truncated
                                   : Ending::none);
    }
    ends[0] = Ending::truncated;
    ends[9] = Ending::terminal;
    ends[10] = Ending::terminal;
    ends[19] = Ending::truncated;
    for (int b = 0; b < experiences; ++b) {
      last_values.push_back(static_cast<float>(random.normal()));
    }
  }

  Trajectories batch() const {
    return {experiences, steps, values, last_values, proximal, behaviour, rewards, ends};
  }

  // What the critic says of what follows step `t`.
  double next(int b, int t) const {
    const int row = b * steps + t;
    switch (ends[static_cast<size_t>(row)]) {
      case Ending::terminal:
        return 0;
      case Ending::truncated:
        return values[static_cast<size_t>(row)];
      case Ending::none:
        break;
    }
    return t + 1 == steps ? last_values[static_cast<size_t>(b)]
                          : values[static_cast<size_t>(row + 1)];
  }

  // The last step that belongs to the same stretch as step `t`.
  int end(int b, int t) const {
    while (t + 1 < steps && ends[static_cast<size_t>(b * steps + t)] == Ending::none) ++t;
    return t;
  }

  double delta(int b, int t) const {
    const auto row = static_cast<size_t>(b * steps + t);
    return rewards[row] + kDiscount * next(b, t) - values[row];
  }

  double ratio(int b, int t, double most) const {
    const auto row = static_cast<size_t>(b * steps + t);
    return std::min(most, std::exp(double{proximal[row]} - behaviour[row]));
  }
};

template <typename Check>
void for_all(const Data& data, const Check& check) {
  for (int b = 0; b < data.experiences; ++b) {
    for (int t = 0; t < data.steps; ++t) check(b, t, static_cast<size_t>(b * data.steps + t));
  }
}

// Sum over k of (discount lambda)^k delta_{t+k} (equation 16).
TEST(GaeTargets, AreTheSumOfDiscountedErrors) {
  const Data data;
  constexpr double lambda = 0.8;
  const Targets targets = gae_targets(data.batch(), kDiscount, lambda);
  for_all(data, [&](int b, int t, size_t row) {
    double advantage = 0;
    for (int k = t; k <= data.end(b, t); ++k) {
      advantage += std::pow(kDiscount * lambda, k - t) * data.delta(b, k);
    }
    EXPECT_NEAR(targets.advantages[row], advantage, 1e-5) << row;
    EXPECT_NEAR(targets.values[row], advantage + data.values[row], 1e-5) << row;
  });
}

// Equation 1 of the paper:
//   v_s = V(x_s) + sum over t of discount^(t-s) (product of c_i, s <= i < t) rho_t delta_t
// and its advantage r_s + discount v_{s+1} - V(x_s).
TEST(VtraceTargets, AreAsThePaperDefinesThem) {
  const Data data;
  for (const auto& [rho, c] : {std::pair{1.0, 1.0}, std::pair{2.0, 0.7}}) {
    const Targets targets = vtrace_targets(data.batch(), kDiscount, rho, c);
    const auto v = [&, rho = rho, c = c](int b, int s) {
      double sum = data.values[static_cast<size_t>(b * data.steps + s)];
      double product = 1;
      for (int t = s; t <= data.end(b, s); ++t) {
        sum += std::pow(kDiscount, t - s) * product * data.ratio(b, t, rho) * data.delta(b, t);
        product *= data.ratio(b, t, c);
      }
      return sum;
    };
    for_all(data, [&](int b, int t, size_t row) {
      EXPECT_NEAR(targets.values[row], v(b, t), 1e-5) << row;
      const double after = data.end(b, t) > t ? v(b, t + 1) : data.next(b, t);
      EXPECT_NEAR(targets.advantages[row], data.rewards[row] + kDiscount * after - data.values[row],
                  1e-5)
          << row;
    });
  }
}

// On-policy, with c and rho of 1, v_s is the n-step Bellman target (the paper's equation 2), which
// GAE with a lambda of 1 has too.
TEST(VtraceTargets, OnPolicyAreReturns) {
  Data data;
  data.proximal = data.behaviour;
  const Targets vtrace = vtrace_targets(data.batch(), kDiscount, 1, 1);
  const Targets gae = gae_targets(data.batch(), kDiscount, 1);
  for (size_t row = 0; row < data.rewards.size(); ++row) {
    EXPECT_NEAR(vtrace.values[row], gae.values[row], 1e-5);
    EXPECT_NEAR(vtrace.advantages[row], gae.advantages[row], 1e-5);
  }
}

TEST(ReturnTargets, AreDiscountedRewardsLessTheBaseline) {
  const Data data;
  const auto discounted = [&](int b, int t, bool critic) {
    double sum = 0;
    const int end = data.end(b, t);
    for (int k = t; k <= end; ++k) {
      sum += std::pow(kDiscount, k - t) * data.rewards[static_cast<size_t>(b * data.steps + k)];
    }
    return critic ? sum + std::pow(kDiscount, end + 1 - t) * data.next(b, end) : sum;
  };
  const Targets with = return_targets(data.batch(), kDiscount);
  for_all(data, [&](int b, int t, size_t row) {
    EXPECT_NEAR(with.values[row], discounted(b, t, true), 1e-5) << row;
    EXPECT_NEAR(with.advantages[row], discounted(b, t, true) - data.values[row], 1e-5) << row;
  });

  Trajectories alone = data.batch();
  alone.values = {};
  alone.last_values = {};
  const Targets without = return_targets(alone, kDiscount);
  EXPECT_TRUE(without.values.empty());
  double mean = 0;
  for_all(data, [&](int b, int t, size_t) { mean += discounted(b, t, false) / 120; });
  for_all(data, [&](int b, int t, size_t row) {
    EXPECT_NEAR(without.advantages[row], discounted(b, t, false) - mean, 1e-5) << row;
  });
}

TEST(Targets, OfACriticThatIsMissingAreRefused) {
  const Data data;
  Trajectories alone = data.batch();
  alone.values = {};
  EXPECT_THROW(gae_targets(alone, kDiscount, 1), Error);
}

}  // namespace
}  // namespace podium::learn
