// The named modes, and which combinations of settings are refused, with the reason.
#include "learn/mode.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace podium::learn {
namespace {

std::string refusal(const ModeSettings& mode, int explorers = 2, int updates = 1, int reuse = 1) {
  try {
    check(mode, explorers, updates, reuse);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::usage);
    return error.what();
  }
  return "";
}

class Presets : public testing::TestWithParam<const char*> {};

TEST_P(Presets, PassTheirChecks) {
  for (const int updates : {1, 4}) {
    const ModeSettings mode = preset(GetParam(), updates);
    EXPECT_EQ(mode.name, GetParam());
    EXPECT_EQ(refusal(mode, 2, updates), "");
  }
}

INSTANTIATE_TEST_SUITE_P(Modes, Presets,
                         testing::Values("synchronous", "one_step_off_policy", "fully_async",
                                         "multi_explorer"),
                         [](const auto& name) { return std::string(name.param); });

TEST(Mode, SynchronousIsStrictlyOnPolicy) {
  const ModeSettings mode = preset("synchronous", 8);
  EXPECT_EQ(mode.most_staleness, 0u);
  EXPECT_EQ(mode.style, SyncStyle::meet);
  EXPECT_EQ(preset("one_step_off_policy", 8).most_staleness, 8u);
}

TEST(Mode, AnUnknownNameIsRefusedWithTheNamesThatAre) {
  try {
    preset("sometimes", 1);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("one_step_off_policy"), std::string::npos);
  }
}

struct Senseless {
  const char* name;
  void (*make)(ModeSettings&);
  const char* start;
  const char* reason;
  int explorers = 2;
  int updates = 1;
  int reuse = 1;
};
void PrintTo(const Senseless& senseless, std::ostream* out) {
  *out << senseless.name;
}

class Refusals : public testing::TestWithParam<Senseless> {};

TEST_P(Refusals, SayWhy) {
  const Senseless& it = GetParam();
  ModeSettings mode = preset(it.start, it.updates);
  it.make(mode);
  EXPECT_NE(refusal(mode, it.explorers, it.updates, it.reuse).find(it.reason), std::string::npos)
      << refusal(mode, it.explorers, it.updates, it.reuse);
}

void as_it_is(ModeSettings& /*mode*/) {}

INSTANTIATE_TEST_SUITE_P(
    Combinations, Refusals,
    testing::Values(
        Senseless{"interval", [](ModeSettings& mode) { mode.sync_interval = 0; }, "synchronous",
                  "after every 0 batches"},
        Senseless{"offset", [](ModeSettings& mode) { mode.sync_offset = -1; }, "synchronous",
                  "-1 batches ahead"},
        Senseless{"updates", as_it_is, "synchronous", "no update", 2, 0},
        Senseless{"no_use", as_it_is, "synchronous", "in no batch", 2, 1, 0},
        Senseless{"meet_discard", [](ModeSettings& mode) { mode.overage = Overage::discard; },
                  "synchronous", "nothing becomes too stale"},
        Senseless{"on_policy_reuse", as_it_is, "synchronous", "trained on once", 2, 1, 2},
        Senseless{"interval_too_stale", [](ModeSettings& mode) { mode.sync_interval = 3; },
                  "synchronous", "6 updates stale, more than most_staleness=0", 2, 3},
        Senseless{"offset_too_stale", [](ModeSettings& mode) { mode.sync_offset = 2; },
                  "one_step_off_policy", "2 updates stale, more than most_staleness=1"},
        Senseless{"reuse_too_stale", as_it_is, "one_step_off_policy",
                  "2 updates stale, more than most_staleness=1", 2, 1, 2},
        Senseless{"free_offset", [](ModeSettings& mode) { mode.sync_offset = 1; }, "fully_async",
                  "no fixed number of batches ahead"},
        Senseless{"free_on_policy", [](ModeSettings& mode) { mode.most_staleness = 0; },
                  "fully_async", "say sync_style=meet"},
        Senseless{"free_interval", [](ModeSettings& mode) { mode.sync_interval = 5; },
                  "fully_async", "after every 10 updates", 2, 2},
        Senseless{"turns_alone", as_it_is, "multi_explorer", "nobody to take turns with", 1}),
    [](const auto& senseless) { return std::string(senseless.param.name); });

}  // namespace
}  // namespace podium::learn
