// A service's feedback on its way to a hub, and weights on their way back.
#include "learn/service_explorer.hpp"

#include <gtest/gtest.h>

#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "core/clock.hpp"
#include "learn/hub.hpp"
#include "learn/hub_address.hpp"
#include "learn/weights_roads.hpp"
#include "temporary_folder.hpp"

namespace podium::learn {
namespace {

using namespace std::chrono_literals;

constexpr size_t image_bytes = 6;
const std::vector<float> weights{1, 2, 3, 4};

class ServiceExplorerTest : public testing::Test {
 protected:
  // A job that learns from batches of four experiences, two a rollout.
  void start_hub() {
    road_ = make_weights_road(SyncMethod::direct, weights.size(), "127.0.0.1",
                              Log(LogLevel::error, "test"));
    HubOptions options;
    options.desk.pace.mode = preset("fully_async", 1);
    options.desk.pace.batch = 4;
    options.desk.pace.rollout = 2;
    options.desk.buffer.most_staleness = options.desk.pace.mode.most_staleness;
    options.limits.observation_bytes = image_bytes;
    options.limits.actions = 10;
    options.limits.least_steps = options.limits.most_steps = 1;
    options.task = "what explorers of this kind do";
    hub_ = std::make_unique<Hub>(options, *road_, Log(LogLevel::error, "test"));
    hub_->publish({0, 0}, weights);
    write_hub_address(file(), hub_->address());
  }

  std::filesystem::path file() const { return folder_.path() / "learn.json"; }

  std::unique_ptr<ServiceExplorer> join(size_t most_bytes = 1 << 20) {
    return std::make_unique<ServiceExplorer>(
        ServiceExplorerOptions{file(), 0ms, most_bytes},
        [this](const Version& version, std::span<const float> parameters) {
          const std::lock_guard hold(lock_);
          installed_.emplace_back(version, std::vector(parameters.begin(), parameters.end()));
          return static_cast<int>(100 + version.number);
        },
        Log(LogLevel::error, "test"));
  }

  static serve::Feedback feedback(int version, int action) {
    return {{version, action, 0.25F, std::string(image_bytes, static_cast<char>('a' + action))},
            static_cast<float>(action % 2)};
  }

  static bool eventually(const std::function<bool()>& condition) {
    const Deadline deadline(20s);
    while (!condition()) {
      if (deadline.expired()) return false;
      std::this_thread::sleep_for(5ms);
    }
    return true;
  }

  size_t installed() const {
    const std::lock_guard hold(lock_);
    return installed_.size();
  }

  podium::test::TemporaryFolder folder_;
  std::unique_ptr<WeightsOut> road_;
  std::unique_ptr<Hub> hub_;
  mutable std::mutex lock_;
  std::vector<std::pair<Version, std::vector<float>>> installed_;
};

TEST_F(ServiceExplorerTest, FeedbackBecomesABatchAndWeightsComeBack) {
  start_hub();
  const auto service = join();
  ASSERT_TRUE(eventually([&] { return installed() == 1; }));
  EXPECT_EQ(installed_[0].first, (Version{0, 0}));
  EXPECT_EQ(installed_[0].second, weights);
  for (int action = 0; action < 4; ++action) EXPECT_TRUE(service->take(feedback(100, action)));
  const std::optional<Task> task = hub_->next(20s);
  ASSERT_TRUE(task);
  EXPECT_EQ(task->what, Task::What::train);
  ASSERT_EQ(task->experiences.size(), 4u);
  for (size_t i = 0; i < 4; ++i) {
    const Experience& made = task->experiences[i];
    EXPECT_EQ(made.actions[0], static_cast<int>(i));
    EXPECT_EQ(made.rewards[0], static_cast<float>(i % 2));
    EXPECT_EQ(made.version, (Version{0, 0}));
    EXPECT_EQ(made.observations.size(), 2 * image_bytes);
    EXPECT_EQ(static_cast<char>(made.observations[0]), static_cast<char>('a' + i));
  }
  hub_->trained(task->batch);
  const std::optional<Task> next = hub_->next(20s);
  ASSERT_TRUE(next);
  ASSERT_EQ(next->what, Task::What::publish);
  hub_->publish(next->version, std::vector<float>{5, 6, 7, 8});
  for (int action = 0; action < 4; ++action) service->take(feedback(100, action));
  ASSERT_TRUE(eventually([&] { return installed() == 2; }));
  EXPECT_EQ(installed_[1].first, next->version);
  EXPECT_EQ(installed_[1].second, (std::vector<float>{5, 6, 7, 8}));
  EXPECT_EQ(service->stats().dropped, 0u);
}

TEST_F(ServiceExplorerTest, AnotherJobWithTheSameFileIsJoinedWhenTheFirstIsGone) {
  start_hub();
  const auto service = join();
  ASSERT_TRUE(eventually([&] { return installed() == 1; }));
  service->take(feedback(100, 1));
  hub_.reset();
  ASSERT_TRUE(eventually([&] { return !service->stats().joined; }));
  service->take(feedback(100, 2));
  start_hub();
  ASSERT_TRUE(eventually([&] { return installed() == 2; }));
  for (const int action : {3, 4}) service->take(feedback(100, action));
  const std::optional<Task> task = hub_->next(20s);
  ASSERT_TRUE(task);
  EXPECT_EQ(task->experiences.size(), 4u) << "what came before and between is there";
  EXPECT_EQ(service->stats().lost, 0u);
}

TEST_F(ServiceExplorerTest, AWrongSecretDoesNotJoinAndTheServiceGoesOn) {
  start_hub();
  write_hub_address(file(), {hub_->address().address, "wrong"});
  const auto service = join();
  EXPECT_TRUE(service->take(feedback(100, 1)));
  std::this_thread::sleep_for(300ms);
  EXPECT_FALSE(service->stats().joined);
  EXPECT_EQ(installed(), 0u);
}

TEST_F(ServiceExplorerTest, TakesNoMoreThanItHasRoomFor) {
  const auto service = join(10'000);  // nobody learns: there is no file
  int taken = 0;
  while (taken < 10'000 && service->take(feedback(100, 1))) ++taken;
  EXPECT_GT(taken, 10);
  EXPECT_LT(taken, 1000);
}

}  // namespace
}  // namespace podium::learn
