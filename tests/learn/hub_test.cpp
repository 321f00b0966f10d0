// The hub with real connections: explorers that do as they are told, and others.
#include "learn/hub.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "core/channel.hpp"
#include "core/error.hpp"
#include "learn/shared_weights.hpp"

namespace podium::learn {
namespace {

using namespace std::chrono_literals;

constexpr size_t observation_bytes = 3;
constexpr int rollout_size = 2;

HubOptions options() {
  HubOptions options;
  options.desk.pace.mode = preset("synchronous", 1);
  options.desk.pace.batch = 4;
  options.desk.pace.rollout = rollout_size;
  options.desk.pace.batches = 2;
  options.desk.buffer.capacity = options.desk.pace.capacity = 8;
  options.limits.observation_bytes = observation_bytes;
  options.limits.actions = 2;
  options.limits.most_steps = 1;
  options.task = "T";
  options.explorers = 2;
  return options;
}

class HubTest : public testing::Test {
 protected:
  void open(HubOptions options = learn::options()) {
    hub_ = std::make_unique<Hub>(std::move(options), *road_, Log{});
    hub_->publish({0, 0}, weights_);
  }

  Channel connect() const { return Channel::to_peer(hub_->address().address, 5s); }
  Json hello(int explorer) const {
    return {{"podium", "learn"},
            {"secret", hub_->address().secret},
            {"task", "T"},
            {"explorer", explorer}};
  }
  // One that is ready to explore, and was told its number.
  Channel guest(int explorer, bool finds_weights, int* number = nullptr) const {
    Channel channel = connect();
    channel.send(hello(explorer), 5s);
    const auto welcome = channel.receive(5s);
    EXPECT_TRUE(welcome && welcome->contains("welcome"));
    if (number != nullptr) *number = welcome->at("welcome");
    channel.send({{"ready", true}, {"road", finds_weights}}, 5s);
    return channel;
  }
  // How it ends with somebody who says `message` first.
  std::string refusal(const Json& message) const {
    Channel channel = connect();
    channel.send(message, 5s);
    const auto answer = channel.receive(5s);
    EXPECT_FALSE(channel.receive(5s)) << "the connection goes on";
    return answer ? text_in(*answer, "refused") : "";
  }

  static std::vector<Experience> made(uint64_t rollout, const Version& version) {
    std::vector<Experience> all(rollout_size);
    for (size_t place = 0; place < all.size(); ++place) {
      Experience& one = all[place];
      one.id = rollout * rollout_size + place;
      one.rollout = rollout;
      one.version = version;
      one.observations.resize(2 * observation_bytes);
      one.actions = {1};
      one.log_probability = {-0.5F};
      one.rewards = {1};
      one.ends = {Ending::terminal};
    }
    return all;
  }
  static void send_rollout(Channel& channel, uint64_t rollout, const Version& version) {
    PackedExperiences packed = pack_experiences(made(rollout, version));
    packed.head["explored"] = rollout;
    packed.head["returns"] = {1.0, 1.0};
    packed.head["spent"] = std::vector<double>(spent_kinds, 0.5);
    channel.send(packed.head, 5s);
    channel.send_bytes(packed.bytes, 5s);
  }
  // Obeys until learning ends or the connection does; stops within a rollout after `most`.
  static void explore(Channel& channel, int most = 1000) {
    Version version;
    while (const auto order = channel.receive(10s)) {
      if (order->contains("end")) return;
      if (order->contains("take")) {
        version = version_from(order->at("take"));
        std::vector<std::byte> bytes(order->value("bytes", size_t{0}));
        channel.receive_bytes(bytes, 5s);
        channel.send({{"taken", to_json(version)}}, 5s);
      } else if (most-- > 0) {
        send_rollout(channel, order->at("explore"), version);
      } else {
        return channel.close();
      }
    }
  }
  void train() {
    while (true) {
      const auto task = hub_->next(10s);
      ASSERT_TRUE(task) << "nothing to do";
      if (task->what == Task::What::end) return;
      if (task->what == Task::What::publish) hub_->publish(task->version, weights_);
      if (task->what == Task::What::train) hub_->trained(task->batch);
    }
  }

  std::vector<float> weights_ = {1, 2, 3};
  std::unique_ptr<WeightsOut> road_ = share_weights(3);
  std::unique_ptr<Hub> hub_;
};

TEST_F(HubTest, LearnsFromExplorersByEitherRoad) {
  open();
  Channel near = guest(0, true);
  Channel far = guest(-1, false);
  std::thread first([&] { explore(near); });
  std::thread second([&] { explore(far); });
  train();
  hub_->end();
  first.join();
  second.join();
  EXPECT_EQ(hub_->report().trained_steps, 8u);
  EXPECT_EQ(hub_->explorers().came, 2);
  EXPECT_EQ(hub_->explorers().lost, 0);
}

TEST_F(HubTest, GivesItsWeightsToThoseThatCannotFindThem) {
  open();
  int number = 0;
  Channel far = guest(-1, false, &number);
  EXPECT_EQ(number, 2) << "the first of another job";
  const auto order = far.receive(5s);
  ASSERT_TRUE(order && order->contains("take"));
  std::vector<float> got(3);
  ASSERT_TRUE(far.receive_bytes(std::as_writable_bytes(std::span(got)), 5s));
  EXPECT_EQ(got, weights_);
}

TEST_F(HubTest, TurnsStrangersAway) {
  open();
  Json wrong = hello(0);
  wrong["secret"] = std::string(hub_->address().secret.size(), 'x');
  EXPECT_EQ(refusal(wrong), "the secret is wrong");
  wrong["secret"] = "";
  EXPECT_EQ(refusal(wrong), "the secret is wrong");
  EXPECT_EQ(refusal({{"hello", 1}}), "the secret is wrong");
  wrong = hello(0);
  wrong["task"] = "U";
  EXPECT_NE(refusal(wrong).find("something else"), std::string::npos);
  EXPECT_EQ(refusal(hello(2)), "there is no such explorer");
  wrong = hello(0);
  wrong["explorer"] = "zero";
  EXPECT_EQ(refusal(wrong), "");
}

TEST_F(HubTest, HasNoRoomForACrowdOfStrangers) {
  open();
  std::vector<Channel> crowd;
  for (int i = 0; i < 256 + 2; ++i) crowd.push_back(connect());
  Channel late = connect();
  pollfd entry{late.descriptor(), POLLIN, 0};
  EXPECT_EQ(::poll(&entry, 1, 5000), 1) << "it is let in";
  EXPECT_FALSE(late.receive(5s));
  crowd.front().send({{"hello", 1}}, 5s);
  const std::optional<Json> answer = crowd.front().receive(5s);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->at("refused"), "the secret is wrong");
}

TEST_F(HubTest, GivesTheRolloutOfALostExplorerToAnother) {
  open();
  Channel lost = guest(0, true);
  std::thread first([&] { explore(lost, 1); });
  first.join();
  Channel again = guest(0, true);
  std::thread second([&] { explore(again); });
  train();
  hub_->end();
  second.join();
  EXPECT_EQ(hub_->report().trained_steps, 8u);
  EXPECT_EQ(hub_->explorers().lost, 1);
}

TEST_F(HubTest, LearnsNothingFromWhatIsNoExperience) {
  open();
  Channel bad = guest(0, true);
  const auto take = bad.receive(5s);
  ASSERT_TRUE(take);
  bad.send({{"taken", to_json(Version{})}}, 5s);
  const auto order = bad.receive(5s);
  ASSERT_TRUE(order && order->contains("explore"));
  std::vector<Experience> all = made(order->at("explore"), {});
  all[1].actions = {7};
  PackedExperiences packed = pack_experiences(all);
  packed.head["explored"] = order->at("explore");
  packed.head["returns"] = Json::array();
  packed.head["spent"] = Json::array();
  bad.send(packed.head, 5s);
  bad.send_bytes(packed.bytes, 5s);
  EXPECT_FALSE(bad.receive(10s)) << "the connection goes on";
  EXPECT_EQ(hub_->report().buffer.put, 0u);
}

TEST_F(HubTest, BelievesInNoWeightsThatWereNotPublished) {
  open();
  Channel bad = guest(0, true);
  ASSERT_TRUE(bad.receive(5s));
  bad.send({{"taken", to_json(Version{5, 5})}}, 5s);
  EXPECT_FALSE(bad.receive(10s)) << "the connection goes on";
}

TEST_F(HubTest, GivesUpWhoIsSilent) {
  HubOptions impatient = options();
  impatient.silence = 300ms;
  open(impatient);
  Channel silent = guest(0, true);
  while (silent.receive(10s)) continue;
  EXPECT_EQ(hub_->explorers().lost, 1);
}

TEST_F(HubTest, EndsWhenNoExplorerIsLeft) {
  open();
  Channel rank = connect();
  rank.send({{"podium", "learn"}, {"secret", hub_->address().secret}, {"rank", true}}, 5s);
  rank.send({{"down", 0}}, 5s);
  rank.send({{"down", 1}}, 5s);
  try {
    for (int i = 0; i < 100; ++i) hub_->next(100ms);
    FAIL() << "it waits on";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::unavailable);
    EXPECT_NE(std::string(error.what()).find("again and again"), std::string::npos);
  }
}

TEST_F(HubTest, EndsWhenNoExplorerComes) {
  HubOptions impatient = options();
  impatient.patience = 200ms;
  open(impatient);
  EXPECT_THROW(
      {
        for (int i = 0; i < 100; ++i) hub_->next(100ms);
      },
      Error);
}

TEST_F(HubTest, HearsThatARankIsToStop) {
  open();
  Channel rank = connect();
  rank.send({{"podium", "learn"}, {"secret", hub_->address().secret}, {"rank", true}}, 5s);
  EXPECT_FALSE(hub_->stop_wanted());
  rank.send({{"stop", true}}, 5s);
  for (int i = 0; i < 100 && !hub_->stop_wanted(); ++i) hub_->next(50ms);
  EXPECT_TRUE(hub_->stop_wanted());
}

}  // namespace
}  // namespace podium::learn
