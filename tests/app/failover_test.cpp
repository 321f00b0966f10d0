// Services that are killed, and jobs that joined them: who takes over, and that clients who ask
// again lose nothing.
#include <sys/stat.h>

#include <atomic>
#include <thread>

#include "app_fixture.hpp"
#include "core/error.hpp"
#include "free_port.hpp"
#include "serve/client/client.hpp"

namespace podium::test {
namespace {

using namespace std::chrono_literals;

// Predicts over and over; who loses its connection, or is refused, asks again.
class PatientClient {
 public:
  explicit PatientClient(int port) : thread_([this, port] { run(port); }) {}
  ~PatientClient() { stop(); }

  void stop() {
    done_ = true;
    if (thread_.joinable()) thread_.join();
  }
  int answered() const { return answered_; }
  int from_joined() const { return from_joined_; }  // of these, by replicas of another job
  int refused() const { return refused_; }          // any status but 200
  int reconnects() const { return reconnects_; }

 private:
  void run(int port) {
    std::string image = "[";
    for (int i = 0; i < 144; ++i) image += i == 0 ? "9" : ",9";
    const std::string body = R"({"image_id":"a","image":)" + image + "]}";
    while (!done_) {
      try {
        serve::Client client("127.0.0.1", port, 20s);
        while (!done_) {
          const serve::HttpReply reply = client.request("POST", "/predict", body);
          reply.status == 200 ? ++answered_ : ++refused_;
          const bool own = reply.body.find(R"("server_replica":"replica-)") != std::string::npos;
          if (reply.status == 200 && !own) ++from_joined_;
        }
      } catch (const Error&) {
        ++reconnects_;
        std::this_thread::sleep_for(5ms);
      }
    }
  }

  std::atomic<bool> done_{false};
  std::atomic<int> answered_{0};
  std::atomic<int> from_joined_{0};
  std::atomic<int> refused_{0};
  std::atomic<int> reconnects_{0};
  std::thread thread_;
};

class Failover : public AppTest {
 protected:
  void SetUp() override {
    ASSERT_EQ(start(1, "train", {"--train.model=dense", "--model.dense.epochs=1"})->wait(), 0);
    ASSERT_EQ(start(1, "select")->wait(), 0);
    port_ = free_port();
  }

  std::unique_ptr<Process> serve(const Words& more) const {
    Words all = {"--serve.linger=forever", "--serve.replicas=1",
                 "--serve.health_ms=1000", "--serve.port=" + std::to_string(port_),
                 "--serve.join_port=0",    "--serve.auth=off"};
    append(all, more);
    return start_alone("serve", all);
  }
  std::unique_ptr<Process> join() const {
    return start_alone("serve", {"--serve.linger=forever", "--serve.replicas=1",
                                 "--serve.join=" + (run_dir() / "serve.json").string()});
  }

  using Count = int (PatientClient::*)() const;

  static bool more(const PatientClient& client, Count count, int wanted) {
    const int before = (client.*count)();
    const Deadline deadline(30s);
    while ((client.*count)() < before + wanted) {
      if (deadline.expired()) return false;
      std::this_thread::sleep_for(5ms);
    }
    return true;
  }
  static bool more_answers(const PatientClient& client, int wanted) {
    return more(client, &PatientClient::answered, wanted);
  }
  static bool joined_ones_answer(const PatientClient& client) {
    return more(client, &PatientClient::from_joined, 10);
  }

  int port_ = 0;
};

TEST_F(Failover, AStandbyTakesOverFromAKilledService) {
  const auto first = serve({});
  ASSERT_TRUE(first->wait_for_err("serving on")) << first->err();
  const auto standby = serve({"--serve.standby"});
  ASSERT_TRUE(standby->wait_for_err("standing by for port")) << standby->err();
  const auto joined = join();
  ASSERT_TRUE(joined->wait_for_err("has joined the service")) << joined->err();
  PatientClient client(port_);
  ASSERT_TRUE(more_answers(client, 50));
  EXPECT_EQ(client.reconnects(), 0);
  first->signal(SIGKILL);
  ASSERT_TRUE(standby->wait_for_err("has taken over port")) << standby->err();
  EXPECT_TRUE(more_answers(client, 50)) << standby->err();
  client.stop();
  EXPECT_EQ(client.refused(), 0);
  EXPECT_GT(client.reconnects(), 0);
  EXPECT_TRUE(standby->wait_for_err("has joined")) << "joined replicas follow" << standby->err();
  standby->signal(SIGTERM);
  EXPECT_EQ(standby->wait(), 0) << standby->err();
}

TEST_F(Failover, AJoinedJobThatIsStoppedKilledOrGoesCostsNoRequest) {
  const auto service = serve({});
  ASSERT_TRUE(service->wait_for_err("serving on")) << service->err();
  struct stat file {};
  ASSERT_EQ(::stat((run_dir() / "serve.json").c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0600u);
  PatientClient client(port_);
  {
    const auto stopped = join();
    ASSERT_TRUE(stopped->wait_for_err("has joined the service")) << stopped->err();
    ASSERT_TRUE(joined_ones_answer(client));
    stopped->signal(SIGSTOP);  // as when a node hangs or its cable is pulled
    ASSERT_TRUE(service->wait_for_err("has not answered for")) << service->err();
    stopped->signal(SIGCONT);
    ASSERT_TRUE(stopped->wait_for_err("the service closed the connection")) << stopped->err();
    ASSERT_TRUE(joined_ones_answer(client)) << "it is back";
    stopped->signal(SIGKILL);
    ASSERT_TRUE(more_answers(client, 50));
  }
  const auto leaving = join();
  ASSERT_TRUE(leaving->wait_for_err("has joined the service")) << leaving->err();
  ASSERT_TRUE(joined_ones_answer(client));
  leaving->signal(SIGTERM);
  EXPECT_EQ(leaving->wait(), 0) << leaving->err();
  ASSERT_TRUE(more_answers(client, 50));
  client.stop();
  EXPECT_EQ(client.refused(), 0);
  EXPECT_EQ(client.reconnects(), 0);
  service->signal(SIGTERM);
  EXPECT_EQ(service->wait(), 0) << service->err();
  EXPECT_EQ(service->result().at("failed"), 0);
}

TEST_F(Failover, WhatCannotBeJoinedIsNamed) {
  const auto lost = start_alone("serve", {"--serve.join=" + (folder() / "none.json").string()});
  EXPECT_EQ(lost->wait(), 74) << lost->err();
  EXPECT_NE(lost->last_words().find("none.json"), std::string::npos) << lost->err();
  const std::filesystem::path wrong = folder() / "wrong.json";
  for (const char* port : {"-5", "0", "65536", "99999999999"}) {
    std::ofstream(wrong) << R"({"host":"localhost","secret":"s","port":)" << port << "}";
    const auto odd = start_alone("serve", {"--serve.join=" + wrong.string()});
    EXPECT_EQ(odd->wait(), 65) << port << odd->err();
  }
  std::ofstream(wrong) << R"({"host":"127.0.0.1","secret":"s","port":1})";
  const auto nobody = start_alone("serve", {"--serve.join=" + wrong.string(), "--serve.linger=1"});
  EXPECT_EQ(nobody->wait(), 69) << nobody->err();
  EXPECT_NE(nobody->last_words().find("could join"), std::string::npos) << nobody->err();
  const std::filesystem::path pipe = folder() / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  for (const std::filesystem::path& path : {pipe, folder()}) {
    const auto odd = start_alone("serve", {"--serve.join=" + path.string()});
    EXPECT_EQ(odd->wait(), 65) << odd->err();
    EXPECT_NE(odd->last_words().find("not a regular file"), std::string::npos) << odd->err();
  }
  const auto run = start_alone("run", {"--serve.standby"});
  EXPECT_EQ(run->wait(), 2) << run->err();
}

}  // namespace
}  // namespace podium::test
