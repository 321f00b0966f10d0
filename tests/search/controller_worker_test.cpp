// A controller replica at the other end of a real socket: what one that took its place goes on
// with.
#include "search/controller_worker.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>

namespace podium::search {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::ordered_json;

constexpr const char* text = "conv {4|8|16} {1|3|5}; anchor; conv 4 {1|3}; anchor; dense classes";

class Replica {
 public:
  Replica(const MethodOptions& options, const Json& state, const Json& unlearned)
      : space_(Space::parse(text)) {
    std::array<int, 2> pair{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) {
      throw std::runtime_error("no socket pair");
    }
    ours_ = {FileDescriptor(pair[0]), most_message_bytes};
    theirs_ = {FileDescriptor(pair[1]), most_message_bytes};
    thread_ = std::thread([this, options] { run_controller(theirs_, space_, options, {}); });
    const Json begin = {{"begin", true},
                        {"count", 4},
                        {"state", state},
                        {"unlearned", unlearned},
                        {"theta", nullptr}};
    ours_.send(begin, 10s);
  }
  ~Replica() {
    ours_.close();
    thread_.join();
  }
  Replica(const Replica&) = delete;
  Replica& operator=(const Replica&) = delete;

  Json proposal() { return ours_.receive(10s).value_or(Json::object()); }
  void reward(const Json& samples) {
    const Json message = {{"samples", samples}};
    ours_.send(message, 10s);
  }

 private:
  Space space_;
  Channel ours_;
  Channel theirs_;
  std::thread thread_;
};

Json rewarded(const Json& proposal) {
  Json samples = Json::array();
  for (const Json& choices : proposal.at("propose")) {
    double reward = 0;
    for (const int choice : choices.get<Choices>()) reward += 0.1 * choice;
    samples.push_back({{"choices", choices}, {"reward", reward}});
  }
  return samples;
}

class ControllerWorkerTest : public testing::TestWithParam<const char*> {};

TEST_P(ControllerWorkerTest, ASuccessorDrawsAgainWhatDoesNotCountAndLearnsFromWhatCounts) {
  MethodOptions options;
  options.name = GetParam();
  options.evolution = {6, 3};
  Replica undisturbed(options, nullptr, nullptr);
  Json last;
  for (int batch = 0; batch < 5; ++batch) {
    last = undisturbed.proposal();
    undisturbed.reward(rewarded(last));
  }
  const Json next = undisturbed.proposal();
  ASSERT_NE(next.at("propose"), last.at("propose"));

  Replica of_one_that_was_waiting(options, last.at("state"), nullptr);
  EXPECT_EQ(of_one_that_was_waiting.proposal(), last);
  Replica of_one_that_was_learning(options, last.at("state"), rewarded(last));
  EXPECT_EQ(of_one_that_was_learning.proposal(), next);
}

INSTANTIATE_TEST_SUITE_P(WithoutServers, ControllerWorkerTest,
                         testing::Values("random", "evolution"));

}  // namespace
}  // namespace podium::search
