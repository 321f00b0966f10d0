// Draining: what was accepted is answered, what comes later is turned away, then the port is free.
#include <gtest/gtest.h>

#include <atomic>

#include "core/error.hpp"
#include "raw_connection.hpp"
#include "service_fixture.hpp"

namespace podium::serve::test {
namespace {

class Drain : public ServiceTest {};

TEST_F(Drain, MidLoadEveryAcceptedRequestIsAnswered) {
  start_serving(options(), "slow 5");
  std::atomic<int> answered{0}, turned_away{0}, lost{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 6; ++i) {
    clients.emplace_back([&, i] {
      Client http = client();
      while (true) {
        try {
          const HttpReply reply =
              http.request("POST", "/v2/models/bands/infer", infer_text(image_of_band(i)));
          if (reply.status == 200) {
            ++answered;
          } else {
            EXPECT_EQ(reply.status, 503) << reply.body;
            EXPECT_FALSE(reply.keep_alive);
            ++turned_away;
            return;
          }
        } catch (const Error&) {
          ++lost;  // refused at connection, or closed between two requests
          return;
        }
      }
    });
  }
  ASSERT_TRUE(eventually([&] { return answered > 50; }));
  EXPECT_TRUE(service_->drain(20s));
  for (std::thread& thread : clients) thread.join();
  const ServiceStats stats = service_->stats();
  EXPECT_EQ(stats.requests, answered) << "every accepted request reached its client";
  EXPECT_EQ(stats.in_flight, 0);
  EXPECT_EQ(stats.failed, 0);
  EXPECT_EQ(stats.rejected, turned_away);
  EXPECT_EQ(turned_away + lost, 6);
  EXPECT_FALSE(service_->ready());
  EXPECT_FALSE(RawConnection(service_->port()).connected());
}

TEST_F(Drain, ReadinessFailsFirstAndIdleConnectionsEnd) {
  start_serving(options(), "slow 300");
  Client busy = client(), watcher = client();
  EXPECT_EQ(get(watcher, "/v2/health/ready").status, 200);
  RawConnection idle(service_->port());
  std::thread request([&] { EXPECT_EQ(infer(busy, image_of_band(2)).classes.size(), 1u); });
  ASSERT_TRUE(eventually([&] { return service_->stats().in_flight == 1; }));
  std::thread draining([&] { EXPECT_TRUE(service_->drain(20s)); });
  ASSERT_TRUE(eventually([&] { return !service_->ready(); }));
  EXPECT_EQ(get(watcher, "/v2/health/ready").status, 503);
  draining.join();
  request.join();
  EXPECT_EQ(idle.status_at_end(), 0);
  EXPECT_TRUE(idle.closed());
}

TEST_F(Drain, ThatTakesTooLongSaysSo) {
  start_serving(options(), "slow 1000");
  std::thread request([&] {
    Client http = client();
    EXPECT_THROW(infer(http, image_of_band(2)), Error);
  });
  ASSERT_TRUE(eventually([&] { return service_->stats().in_flight == 1; }));
  EXPECT_FALSE(service_->drain(10ms));
  service_.reset();
  request.join();
}

// Clients that look at readiness between two requests, as a load balancer does for them: all leave
// within the grace period, and not one request is lost or turned away.
TEST_F(Drain, InTheGracePeriodClientsLeaveAndNoneIsTurnedAway) {
  ServiceOptions graceful = options();
  graceful.grace = 5s;
  start_serving(graceful, "slow 2");
  std::atomic<int> answered{0}, otherwise{0}, left{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 6; ++i) {
    clients.emplace_back([&, i] {
      Client http = client();
      while (get(http, "/v2/health/ready").status == 200) {
        const HttpReply reply =
            http.request("POST", "/v2/models/bands/infer", infer_text(image_of_band(i)));
        ++(reply.status == 200 && reply.keep_alive ? answered : otherwise);
      }
      const HttpReply last =
          http.request("POST", "/v2/models/bands/infer", infer_text(image_of_band(i)));
      ++(last.status == 200 ? answered : otherwise);
      ++left;
    });
  }
  EXPECT_TRUE(eventually([&] { return answered > 50; }));
  std::atomic<bool> now{false};
  std::thread ender([&] {  // the rest of the grace period is waited for in vain
    eventually([&] { return left == 6; });
    now = true;
  });
  service_->drain(20s, &now);
  ender.join();
  for (std::thread& thread : clients) thread.join();
  EXPECT_EQ(otherwise, 0);
  EXPECT_EQ(service_->stats().requests, answered);
  EXPECT_EQ(service_->stats().rejected, 0);
}

TEST_F(Drain, ToldToEndAtOnceItWaitsForNobody) {
  ServiceOptions graceful = options();
  graceful.grace = 10min;
  start_serving(graceful, "slow 1500");
  std::thread request([&] {
    Client http = client();
    EXPECT_THROW(infer(http, image_of_band(2)), Error);
  });
  ASSERT_TRUE(eventually([&] { return service_->stats().in_flight == 1; }));
  std::atomic<bool> now{false};
  std::thread ender([&] {
    eventually([&] { return !service_->ready(); });
    now = true;
  });
  EXPECT_FALSE(service_->drain(10min, &now));
  ender.join();
  request.join();
}

TEST_F(Drain, ThePortIsFreeAfterwards) {
  start_serving(options());
  ServiceOptions again = options();
  again.port = service_->port();
  Client http = client();
  infer(http, image_of_band(1));
  EXPECT_TRUE(service_->drain(20s));
  service_.reset();
  start_serving(again);
  EXPECT_EQ(infer(http, image_of_band(1)).classes, std::vector<int64_t>{1});
}

}  // namespace
}  // namespace podium::serve::test
