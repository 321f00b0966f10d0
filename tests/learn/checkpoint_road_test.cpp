#include "learn/checkpoint_road.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>

#include "core/clock.hpp"
#include "core/error.hpp"

namespace podium::learn {
namespace {

using namespace std::chrono_literals;

constexpr size_t parameters = 70'001;  // two chunks, the last one short

std::vector<float> weights_of(uint64_t number) {
  return std::vector<float>(parameters, static_cast<float>(number));
}

TEST(CheckpointRoad, GivesWhatWasPublishedLast) {
  CheckpointOut out("127.0.0.1", Log());
  CheckpointIn in(out.ticket());
  std::vector<float> taken(parameters);
  for (const uint64_t number : {0, 1, 5}) {
    out.publish({number, number * 3}, weights_of(number));
    EXPECT_EQ(in.take({number, 0}, taken, 10s), (Version{number, number * 3}));
    EXPECT_EQ(taken, weights_of(number));
  }
  EXPECT_EQ(in.take({2, 0}, taken, 10s).number, 5U) << "newer than asked for";
}

TEST(CheckpointRoad, WaitsForAVersionThatIsOnItsWay) {
  CheckpointOut out("127.0.0.1", Log());
  out.publish({0, 0}, weights_of(0));
  CheckpointIn in(out.ticket());
  std::vector<float> taken(parameters);
  std::jthread later([&] {
    std::this_thread::sleep_for(50ms);
    out.publish({1, 7}, weights_of(1));
  });
  EXPECT_EQ(in.take({1, 0}, taken, 10s), (Version{1, 7}));
  EXPECT_EQ(taken, weights_of(1));
}

TEST(CheckpointRoad, NeverMixesVersions) {
  CheckpointOut out("127.0.0.1", Log());
  out.publish({0, 0}, weights_of(0));
  std::atomic<bool> done{false};
  std::atomic<int> takes{0};
  std::vector<std::jthread> takers;
  for (int taker = 0; taker < 3; ++taker) {
    takers.emplace_back([&] {
      CheckpointIn in(out.ticket());
      std::vector<float> taken(parameters);
      uint64_t before = 0;
      while (!done) {
        const Version version = in.take({before, 0}, taken, 10s);
        EXPECT_GE(version.number, before);
        EXPECT_EQ(version.made_at, version.number * 2);
        EXPECT_EQ(taken, weights_of(version.number));
        before = version.number;
        ++takes;
      }
    });
  }
  const Deadline deadline(20s);
  for (uint64_t number = 1; takes < 100 && !deadline.expired(); ++number) {
    out.publish({number, number * 2}, weights_of(number));
  }
  done = true;
  EXPECT_GE(takes, 100);
}

TEST(CheckpointRoad, SaysWhatDoesNotCome) {
  std::vector<float> taken(parameters);
  auto out = std::make_unique<CheckpointOut>("127.0.0.1", Log());
  CheckpointIn in(out->ticket());
  EXPECT_THROW(in.take({0, 0}, taken, 50ms), Error) << "nothing was published";
  out->publish({3, 0}, weights_of(3));
  try {
    in.take({4, 0}, taken, 50ms);
    ADD_FAILURE() << "version 4 was never published";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::unavailable);
    EXPECT_NE(std::string(error.what()).find("version 4"), std::string::npos) << error.what();
  }
  out.reset();
  EXPECT_THROW(in.take({3, 0}, taken, 50ms), Error) << "the trainers are gone";
}

TEST(CheckpointRoad, WhoWaitsCanLeave) {
  std::vector<float> taken(parameters);
  CheckpointOut out("127.0.0.1", Log());
  CheckpointIn in(out.ticket());
  in.set_waiting([] { throw std::logic_error("there is nobody left"); });
  EXPECT_THROW(in.take({0, 0}, taken, 10s), std::logic_error);
}

TEST(CheckpointRoad, RefusesAnotherPolicy) {
  CheckpointOut out("127.0.0.1", Log());
  out.publish({0, 0}, weights_of(0));
  CheckpointIn in(out.ticket());
  std::vector<float> smaller(parameters - 1);
  try {
    in.take({0, 0}, smaller, 1s);
    ADD_FAILURE() << "the sizes differ";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::bad_data);
  }
  EXPECT_THROW(CheckpointIn(nlohmann::ordered_json{{"road", "direct"}}), Error);
  auto stranger = out.ticket();
  stranger["secret"] = "guessed";
  EXPECT_THROW(CheckpointIn(stranger).take({0, 0}, smaller, 50ms), Error);
}

}  // namespace
}  // namespace podium::learn
