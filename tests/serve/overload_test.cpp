// More requests than replicas can take: who waits, who is turned away, and by which words.
#include <gtest/gtest.h>

#include <atomic>

#include "raw_connection.hpp"
#include "service_fixture.hpp"

namespace podium::serve::test {
namespace {

using Headers = std::vector<std::string>;

class Overload : public ServiceTest {
 protected:
  // One replica that holds one request at a time.
  static ServiceOptions narrow(size_t queue) {
    ServiceOptions narrow = options();
    narrow.replicas = 1;
    narrow.max_batch = 1;
    narrow.replica_queue = 1;
    narrow.queue_limit = queue;
    return narrow;
  }

  // Sends an inference on a connection of its own and returns that.
  std::unique_ptr<RawConnection> send(int band, const Headers& headers = {}) const {
    auto connection = std::make_unique<RawConnection>(service_->port());
    std::string text = "Connection: close\r\n";
    for (const std::string& header : headers) text += header + "\r\n";
    connection->send(post_text(text, infer_text(image_of_band(band))));
    return connection;
  }

  // The next inference is sent only when the service has this many.
  bool accepted(int64_t in_flight) {
    return eventually([&] { return service_->stats().in_flight == in_flight; });
  }

  // Holds the replica up: it is stopped until go_on(). What is sent meanwhile waits.
  void hold() { ASSERT_EQ(::kill(service_->stats().replicas[0].pid, SIGSTOP), 0); }
  void go_on() { ASSERT_EQ(::kill(service_->stats().replicas[0].pid, SIGCONT), 0); }
};

TEST_F(Overload, MoreThanAReplicaHoldsWaitInTheService) {
  start_serving(narrow(10));
  hold();
  std::vector<std::unique_ptr<RawConnection>> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(send(i));
  ASSERT_TRUE(accepted(4));
  const ServiceStats stats = service_->stats();
  EXPECT_EQ(stats.replicas[0].in_flight, 1);
  EXPECT_EQ(stats.waiting, 3);
  go_on();
  for (const auto& client : clients) EXPECT_EQ(client->status_at_end(), 200);
}

TEST_F(Overload, AMoreUrgentRequestTakesTheLeastUrgentPlace) {
  start_serving(narrow(3));
  hold();
  const auto computing = send(1);
  ASSERT_TRUE(accepted(1));
  const auto usual = send(2);
  ASSERT_TRUE(accepted(2));
  const auto idle = send(3, {"Podium-Priority: 9"});
  ASSERT_TRUE(accepted(3));
  const auto urgent = send(4, {"Podium-Priority: 1"});
  const std::string shed = idle->read_until("took this one's place");
  EXPECT_EQ(shed.rfind("HTTP/1.1 429 ", 0), 0u) << shed;
  EXPECT_NE(shed.find("\r\nRetry-After: "), std::string::npos) << shed;
  const auto too_late = send(5);
  const std::string refused = too_late->read_until("the queue is full");
  EXPECT_EQ(refused.rfind("HTTP/1.1 429 ", 0), 0u) << refused;
  EXPECT_NE(refused.find("\r\nRetry-After: "), std::string::npos) << refused;
  go_on();
  for (const auto* client : {&computing, &usual, &urgent}) {
    EXPECT_EQ((*client)->status_at_end(), 200);
  }
  const ServiceStats stats = service_->stats();
  EXPECT_EQ(stats.rejected, 2);
  EXPECT_EQ(stats.requests, 3);
  EXPECT_EQ(stats.failed, 0);
}

// One client of the least urgent, many of the most urgent ones, and a queue that is always full.
TEST_F(Overload, UrgentOnesDoNotStarveTheLeastUrgent) {
  start_serving(narrow(64), "slow 1");
  std::atomic<bool> stopping{false};
  std::atomic<int> urgent{0};
  std::vector<std::thread> crowd;
  for (int i = 0; i < 8; ++i) {
    crowd.emplace_back([&, i] {
      while (!stopping) {
        EXPECT_EQ(send(i, {"Podium-Priority: 1"})->status_at_end(), 200);
        ++urgent;
      }
    });
  }
  EXPECT_TRUE(eventually([&] { return urgent > 20; }));
  EXPECT_EQ(send(9, {"Podium-Priority: 9"})->status_at_end(), 200);
  stopping = true;
  for (std::thread& thread : crowd) thread.join();
}

TEST_F(Overload, ARequestsOwnTimeEndsIn504) {
  start_serving(narrow(10), "slow 2000");
  const auto computing = send(1, {"Podium-Timeout-Ms: 50"});
  ASSERT_TRUE(accepted(1));
  const auto waiting = send(2, {"Podium-Timeout-Ms: 60"});
  EXPECT_EQ(computing->status_at_end(), 504);
  EXPECT_EQ(waiting->status_at_end(), 504);
  EXPECT_NE(waiting->read_until("").find("within 60 ms"), std::string::npos);
}

TEST_F(Overload, TheServicesTimeoutHoldsWhereARequestAsksForMore) {
  ServiceOptions hurried = narrow(10);
  hurried.request_timeout = 50ms;
  start_serving(hurried, "slow 2000");
  EXPECT_EQ(send(1, {"Podium-Timeout-Ms: 60000"})->status_at_end(), 504);
}

// White images end this replica when they are computed. One comes while another batch is computed,
// and its time, told in a header or in the JSON, is over before that ends.
TEST_F(Overload, WhatIsLateIsNotComputed) {
  ServiceOptions two = narrow(10);
  two.replica_queue = 2;
  const std::vector<std::pair<std::string, std::string>> ways = {
      {"Podium-Timeout-Ms: 50\r\n", ""}, {"", R"(,"parameters":{"timeout":50000})"}};
  for (const auto& [header, parameters] : ways) {
    start_serving(two, "slow 1000 fatal");
    const auto computing = send(1);
    ASSERT_TRUE(accepted(1));
    RawConnection late(service_->port());
    const std::string white = infer_text(std::vector<uint8_t>(image_bytes, 255), parameters);
    late.send(post_text("Connection: close\r\n" + header, white));
    EXPECT_EQ(late.status_at_end(), 504) << header << parameters;
    EXPECT_EQ(computing->status_at_end(), 200);
    EXPECT_EQ(send(2)->status_at_end(), 200);
    EXPECT_EQ(service_->stats().restarts, 0) << "it was computed";
  }
}

TEST_F(Overload, ATimeoutOfTheBodyThatCannotBeIsRefused) {
  start_serving(narrow(10));
  const HttpReply wrong = client().request(
      "POST", "/v2/models/bands/infer",
      infer_text(std::vector<uint8_t>(image_bytes, 255), R"(,"parameters":{"timeout":-1})"));
  EXPECT_EQ(wrong.status, 400);
  EXPECT_NE(wrong.body.find("'timeout'"), std::string::npos) << wrong.body;
}

// All are in the replica, and the one that is computed goes on until the others are queued.
TEST_F(Overload, ThePriorityOfTheBodyCountsInTheReplica) {
  ServiceOptions three = narrow(10);
  three.replica_queue = 3;
  start_serving(three, "slow 300");
  const auto computing = send(1);
  ASSERT_TRUE(accepted(1));
  const auto milliseconds = [&](const std::string& parameters) {
    Client http = client();
    const HttpReply reply =
        http.request("POST", "/v2/models/bands/infer",
                     infer_text(image_of_band(2), ",\"parameters\":" + parameters));
    EXPECT_EQ(reply.status, 200) << reply.body;
    return Json::parse(reply.body).at("parameters").at("processing_time_ms").get<double>();
  };
  double idle = 0;
  std::thread first([&] { idle = milliseconds(R"({"priority":9})"); });
  EXPECT_TRUE(accepted(2));
  const double urgent = milliseconds(R"({"priority":1})");
  first.join();
  EXPECT_LT(urgent, idle) << "it came later and was computed before";
  EXPECT_EQ(computing->status_at_end(), 200);
}

TEST_F(Overload, ARetriedRequestKeepsItsDeadline) {
  start_serving(narrow(10), "slow 3000");
  const auto client = send(1, {"Podium-Timeout-Ms: 1500"});
  ASSERT_TRUE(accepted(1));
  ASSERT_EQ(::kill(service_->stats().replicas[0].pid, SIGKILL), 0);
  EXPECT_EQ(client->status_at_end(), 504);
  EXPECT_EQ(service_->stats().retried, 1);
}

TEST_F(Overload, AdaptiveBatchesAnswerLikeOthers) {
  ServiceOptions adaptive = options();
  adaptive.batch_target_p99 = 50ms;
  start_serving(adaptive);
  Client http = client();
  for (int i = 0; i < 400; ++i) {
    ASSERT_EQ(infer(http, image_of_band(i % 10)).classes, std::vector<int64_t>{i % 10});
  }
}

}  // namespace
}  // namespace podium::serve::test
