// A service that learns from its clients, as users start it: `podium serve` beside `podium learn`.
#include <regex>

#include "app_fixture.hpp"
#include "core/clock.hpp"

namespace podium::test {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

class FeedbackOfClients : public AppTest {
 protected:
  std::unique_ptr<Process> learn() const {
    return std::make_unique<Process>(
        Words{PODIUM_EXECUTABLE, "learn", PODIUM_CI_INPUT, "--run.dir=" + learner_dir().string(),
              "--io.cache_dir=" + (folder() / "cache").string(), "--learn.environment=image_bandit",
              "--learn.mode=fully_async", "--learn.policy=dense 32; relu; dense classes",
              "--learn.steps=1", "--learn.environments=8", "--learn.batch=16",
              "--learn.updates=1000000", "--learn.objective=reinforce", "--roles=explorer=0"});
  }

  std::unique_ptr<Process> serve(const Words& more) const {
    return start_alone("serve", joined({"--serve.feedback_memory=1000", "--serve.explore=true",
                                        "--serve.learner_every_s=0"},
                                       more));
  }

  std::filesystem::path learner_dir() const { return folder() / "learner"; }
  std::string learn_file() const { return (learner_dir() / "learn.json").string(); }

  // The front door, once it is told.
  static serve::HostPort door_of(const Process& service) {
    const std::string err = service.err();
    std::smatch found;
    if (!std::regex_search(err, found, std::regex("serving on http://([^/]+)/"))) return {};
    return serve::parse_host_port(found[1].str());
  }

  // An answer, and its reward. Returns the version that answered.
  static int ask_and_reward(serve::Client& client, int i) {
    json image = json::array();
    for (int pixel = 0; pixel < 144; ++pixel) image.push_back((i * 37 + pixel * 11) % 256);
    const auto answer = client.request("POST", "/predict", json{{"image", image}}.dump());
    EXPECT_EQ(answer.status, 200) << answer.body;
    if (answer.status != 200) return 0;
    const json said = json::parse(answer.body);
    const int reward = said.at("chosen_class") == i % 4 ? 1 : 0;
    const auto reply = client.request(
        "POST", "/feedback", json{{"id", said.at("feedback_id")}, {"reward", reward}}.dump());
    EXPECT_EQ(reply.status, 200) << reply.body;
    return std::stoi(said.at("model_version").get<std::string>());
  }
};

TEST_F(FeedbackOfClients, TeachesWhatIsServed) {
  const auto first = start_alone("run", {"--run.models=dense"});
  ASSERT_EQ(first->wait(), 0) << first->err();
  const auto learner = learn();
  const auto service = serve({"--serve.learner=" + learn_file()});
  ASSERT_TRUE(service->wait_for_err("feedback goes to the job that learns")) << service->err();
  ASSERT_TRUE(service->wait_for_err("serving on")) << service->err();
  serve::Client client = client_of(door_of(*service), run_dir());
  int newest = 0;
  const Deadline deadline(60s);
  const auto sent = [&] {
    return service->err().find("the first rollout of feedback went") != std::string::npos;
  };
  for (int i = 0; (newest < 4 || !sent()) && !deadline.expired(); ++i) {
    newest = std::max(newest, ask_and_reward(client, i));
  }
  EXPECT_GE(newest, 4) << "version 1 was trained, the others came from the learner\n"
                       << service->err() << learner->err();
  service->signal(SIGTERM);
  ASSERT_EQ(service->wait(), 0) << service->err();
  const json told = service->result().at("learner");
  EXPECT_GT(told.at("sent"), 0) << told << service->err() << learner->err();
  EXPECT_GE(told.at("installed"), 3);
  EXPECT_EQ(told.at("lost"), 0);
  EXPECT_TRUE(learner->running()) << learner->err();
  learner->signal(SIGTERM);
  EXPECT_EQ(learner->wait(), 75) << learner->err();
}

TEST_F(FeedbackOfClients, WhatCannotLearnSaysWhy) {
  EXPECT_EQ(start_alone("serve", {"--serve.explore=true"})->wait(), 2);
  EXPECT_EQ(start_alone("serve", {"--serve.learner=" + learn_file()})->wait(), 2);
  const auto in_a_run = start_alone("run", {"--serve.feedback_memory=9", "--serve.learner=x"});
  EXPECT_EQ(in_a_run->wait(), 2);
  EXPECT_NE(in_a_run->err().find("--serve.learner"), std::string::npos) << in_a_run->err();
}

}  // namespace
}  // namespace podium::test
