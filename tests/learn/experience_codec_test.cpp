#include "learn/experience_codec.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "core/error.hpp"
#include "learn/experiences.hpp"

namespace podium::learn {
namespace {

using Json = nlohmann::ordered_json;

ExperienceLimits limits() {
  return {test::observation_bytes, test::actions, 1, 16, 4096};
}

void expect_equal(const Experience& a, const Experience& b) {
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(a.explorer, b.explorer);
  EXPECT_EQ(a.rollout, b.rollout);
  EXPECT_EQ(a.version, b.version);
  EXPECT_EQ(a.steps, b.steps);
  EXPECT_EQ(a.observations, b.observations);
  EXPECT_EQ(a.actions, b.actions);
  EXPECT_EQ(a.log_probability, b.log_probability);
  EXPECT_EQ(a.ends, b.ends);
  EXPECT_EQ(a.priority, b.priority);
  ASSERT_EQ(a.rewards.size(), b.rewards.size());
  for (size_t i = 0; i < a.rewards.size(); ++i) {
    EXPECT_TRUE(a.rewards[i] == b.rewards[i] ||
                (std::isnan(a.rewards[i]) && std::isnan(b.rewards[i])));
  }
}

TEST(ExperienceCodec, BringsAllBackExactly) {
  const std::vector<Experience> made{
      test::experience(1, 7, 1), test::unrewarded(~uint64_t{0}, 9, 5), test::experience(3, 0, 16)};
  const PackedExperiences packed = pack_experiences(made);
  EXPECT_EQ(packed_bytes(packed.head, limits()), packed.bytes.size());
  const std::vector<Experience> back = unpack_experiences(packed.head, packed.bytes, limits());
  ASSERT_EQ(back.size(), made.size());
  for (size_t i = 0; i < made.size(); ++i) expect_equal(back[i], made[i]);
}

TEST(ExperienceCodec, NoneAreNoBytes) {
  const PackedExperiences packed = pack_experiences({});
  EXPECT_TRUE(unpack_experiences(packed.head, packed.bytes, limits()).empty());
}

void expect_refused(const Json& head, std::span<const std::byte> bytes) {
  try {
    unpack_experiences(head, bytes, limits());
    ADD_FAILURE() << "taken: " << head.dump();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::bad_data) << error.what();
  }
}

TEST(ExperienceCodec, RefusesHeadsThatDoNotFit) {
  const PackedExperiences packed = pack_experiences(std::vector{test::experience(1)});
  for (const char* head :
       {R"({})", R"({"experiences":1})", R"({"bytes":10})", R"({"experiences":-1,"bytes":70})",
        R"({"experiences":"1","bytes":70})", R"({"experiences":1.5,"bytes":70})",
        R"({"experiences":18446744073709551615,"bytes":70})", R"({"experiences":1,"bytes":1e30})",
        R"({"experiences":1,"bytes":9999})", R"({"experiences":1,"bytes":-5})"}) {
    expect_refused(Json::parse(head), packed.bytes);
  }
  for (const uint64_t count : {0, 2, 1 << 30}) {
    expect_refused({{"experiences", count}, {"bytes", packed.bytes.size()}}, packed.bytes);
  }
}

TEST(ExperienceCodec, RefusesEveryCutAndEveryByteTooMany) {
  PackedExperiences packed =
      pack_experiences(std::vector{test::experience(1), test::experience(2, 0, 3)});
  for (size_t size = 0; size < packed.bytes.size(); ++size) {
    packed.head["bytes"] = size;
    expect_refused(packed.head, std::span(packed.bytes).first(size));
  }
  packed.bytes.emplace_back();
  packed.head["bytes"] = packed.bytes.size();
  expect_refused(packed.head, packed.bytes);
}

TEST(ExperienceCodec, RefusesWhatIsNotSound) {
  const std::vector<std::function<void(Experience&)>> damages{
      [](Experience& e) { e.actions[1] = test::actions; },
      [](Experience& e) { e.actions[1] = -1; },
      [](Experience& e) { e.log_probability[0] = NAN; },
      [](Experience& e) { e.log_probability[0] = -INFINITY; },
      [](Experience& e) { e.log_probability[0] = 0.5F; },
      [](Experience& e) { e.rewards[1] = INFINITY; },
      [](Experience& e) { e.ends[0] = static_cast<Ending>(3); },
      [](Experience& e) { e.priority = NAN; },
      [](Experience& e) { e.observations.pop_back(); },
  };
  for (const auto& damage : damages) {
    Experience made = test::experience(1, 0, 2);
    damage(made);
    EXPECT_THROW(check(made, limits()), Error);
    const PackedExperiences packed = pack_experiences(std::vector{made});
    expect_refused(packed.head, packed.bytes);
  }
  const PackedExperiences long_one = pack_experiences(std::vector{test::experience(1, 0, 17)});
  expect_refused(long_one.head, long_one.bytes);
  const PackedExperiences short_one = pack_experiences(std::vector{test::experience(1, 0, 2)});
  ExperienceLimits exact = limits();
  exact.least_steps = 3;
  EXPECT_THROW(unpack_experiences(short_one.head, short_one.bytes, exact), Error);
}

}  // namespace
}  // namespace podium::learn
