// Policy: acting and judging have equal bits, whoever computes beside whom; what is refused.
#include "learn/policy.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <ostream>
#include <vector>

#include "core/error.hpp"
#include "core/permutation.hpp"
#include "core/random.hpp"

namespace podium::learn {
namespace {

const EnvironmentInfo pole{"pole", ObservationType::vector, {1, 1, 4}, 2, 0};
const EnvironmentInfo pictures{"pictures", ObservationType::image, {1, 28, 28}, 10, 0};

PolicyOptions options_of(const std::string& architecture, int threads = 1) {
  PolicyOptions options;
  options.architecture = architecture;
  options.threads = threads;
  return options;
}

std::vector<std::byte> observations_of(const EnvironmentInfo& info, size_t rows) {
  std::vector<std::byte> made(rows * info.observation_bytes());
  Random random(11);
  if (info.type == ObservationType::image) {
    for (std::byte& pixel : made) pixel = static_cast<std::byte>(random.below(256));
    return made;
  }
  for (size_t at = 0; at < made.size(); at += sizeof(float)) {
    const auto value = static_cast<float>(random.normal());
    std::memcpy(made.data() + at, &value, sizeof(value));
  }
  return made;
}

// Weights as they are after some learning: first ones say the same of all actions.
void spread(Policy& policy) {
  Random random(13);
  for (float& weight : policy.parameters()) weight += 0.1F * static_cast<float>(random.normal());
}

struct Case {
  EnvironmentInfo info;
  std::string architecture;
  int threads;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.info.name << ", " << c.architecture << ", " << c.threads << " threads";
}

class PolicyBits : public testing::TestWithParam<Case> {};

// What makes a ratio of an on-policy step exactly 1: a step that was acted among few others has the
// same log probability, to the bit, among many, in any order, in another process.
TEST_P(PolicyBits, AreThoseOfActingWhereverARowIsJudged) {
  const auto& [info, architecture, threads] = GetParam();
  constexpr size_t rows = 333;
  const size_t row_bytes = info.observation_bytes();
  const std::vector<std::byte> observations = observations_of(info, rows);
  Policy explorer(info, options_of(architecture, threads), 1);
  spread(explorer);
  std::vector<int32_t> actions(rows);
  std::vector<float> acted(rows);
  const size_t sizes[] = {1, 8, 3, 64, 65, 17};
  size_t done = 0;
  for (size_t i = 0; done < rows; ++i) {
    const size_t count = std::min(sizes[i % 6], rows - done);
    explorer.act(std::span(observations).subspan(done * row_bytes, count * row_bytes), i,
                 std::span(actions).subspan(done, count), std::span(acted).subspan(done, count));
    done += count;
  }

  Policy trainer(info, options_of(architecture, threads), 2);
  std::ranges::copy(explorer.parameters(), trainer.parameters().begin());
  const std::vector<uint32_t> order = permutation(rows, Random(5));
  std::vector<std::byte> shuffled;
  std::vector<int32_t> taken;
  for (const uint32_t row : order) {
    const auto one = std::span(observations).subspan(row * row_bytes, row_bytes);
    shuffled.insert(shuffled.end(), one.begin(), one.end());
    taken.push_back(actions[row]);
  }
  std::vector<float> judged(rows);
  trainer.judge(shuffled, taken, judged);
  for (size_t i = 0; i < rows; ++i) EXPECT_EQ(judged[i], acted[order[i]]) << "row " << order[i];
}

INSTANTIATE_TEST_SUITE_P(
    Networks, PolicyBits,
    testing::Values(Case{pole, "dense 64; relu; dense classes", 1},
                    Case{pole, "dense 61; relu; dense 33; relu; dense classes", 1},
                    Case{pole, "dense 64; relu; dense classes", 2},
                    Case{pictures, "dense 256; relu; dense classes", 1},
                    Case{pictures, "dense 256; relu; dense 128; relu; dense classes", 2},
                    Case{pictures, "conv 16 3; relu; pool 2; dense 64; relu; dense classes", 1},
                    Case{pictures, "conv 16 3; relu; pool 2; dense 64; relu; dense classes", 2}));

TEST(Policy, DrawsActionsAsOftenAsItSays) {
  constexpr size_t rows = 20'000;
  Policy policy(pole, options_of("dense 8; relu; dense classes"), 1);
  spread(policy);
  std::vector<std::byte> observations;
  const std::vector<std::byte> one = observations_of(pole, 1);
  for (size_t row = 0; row < rows; ++row) {
    observations.insert(observations.end(), one.begin(), one.end());
  }
  std::vector<int32_t> actions(rows);
  std::vector<float> log_probability(rows);
  policy.act(observations, 7, actions, log_probability);
  const auto first = static_cast<double>(std::ranges::count(actions, 0));
  std::vector<float> of_first(1);
  policy.judge(one, std::vector<int32_t>{0}, of_first);
  const double expected = std::exp(double{of_first[0]});
  EXPECT_NEAR(first / rows, expected, 4 * std::sqrt(expected * (1 - expected) / rows));
  double alike = 0;
  for (size_t row = 1; row < rows; ++row) alike += actions[row] == actions[row - 1] ? 1 : 0;
  EXPECT_NEAR(alike / rows, expected * expected + (1 - expected) * (1 - expected), 0.02)
      << "neighbours draw by themselves";
  std::vector<float> of_second(1);
  policy.judge(one, std::vector<int32_t>{1}, of_second);
  EXPECT_NEAR(std::exp(double{of_second[0]}), 1 - expected, 1e-6);

  std::vector<int32_t> again(rows);
  policy.act(observations, 7, again, log_probability);
  EXPECT_EQ(actions, again) << "the seed decides";
  policy.act(observations, 8, again, log_probability);
  EXPECT_NE(actions, again);
  std::vector<int32_t> likeliest(1);
  policy.act_greedily(one, likeliest);
  EXPECT_EQ(likeliest[0], expected > 0.5 ? 0 : 1);
}

TEST(Policy, BeginsWithAllActionsNearlyEquallyLikely) {
  Policy policy(pictures, options_of("dense 256; relu; dense classes"), 3);
  const std::vector<std::byte> observations = observations_of(pictures, 50);
  std::vector<int32_t> actions(50);
  std::vector<float> log_probability(50);
  policy.act(observations, 1, actions, log_probability);
  for (const float p : log_probability) EXPECT_NEAR(p, std::log(0.1), 0.1);
}

TEST(Policy, RefusesWhatLearnsOtherwiseThanItActs) {
  const auto message = [](const std::string& architecture) {
    try {
      const Policy policy(pictures, options_of(architecture), 1);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::usage);
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_NE(message("conv 8 3; bn; relu; gap; dense classes").find("'bn'"), std::string::npos);
  EXPECT_NE(message("conv 8 3; relu; res 16 2 { conv 16 3 stride 2 }; dense classes").find("'bn'"),
            std::string::npos)
      << "the shortcut has one";
  EXPECT_NE(message("dense 8; dropout 0.5; dense classes").find("'dropout'"), std::string::npos);
  EXPECT_EQ(message("conv 8 3; relu; res 8 1 { conv 8 3 }; gap; dense classes"), "");
}

TEST(Policy, ComputesVectorsOnHostsOnly) {
  PolicyOptions options = options_of("dense classes");
  options.device.gpu = 0;
  try {
    const Policy policy(pole, options, 1);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::usage);
  }
}

}  // namespace
}  // namespace podium::learn
