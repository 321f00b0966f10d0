// Requests of ranks to a service, beside those over HTTP; the ranks are threads.
#include "serve/rank_door.hpp"

#include <atomic>
#include <csignal>

#include "comm/inproc/inproc_world.hpp"
#include "core/error.hpp"
#include "rank_door_checks.hpp"
#include "serve/replica/frame.hpp"
#include "service_fixture.hpp"

namespace podium::serve::test {
namespace {

// The service is rank 0's.
class RankDoorTest : public ServiceTest {
 protected:
  void open(const ServiceOptions& options, const std::string& model = "shift 0") {
    start_serving(options, model);
    door_ = std::make_unique<RankDoor>(*service_, *groups_[0], Log(LogLevel::error, "test"));
  }

  // As a serving rank ends.
  void end() {
    service_->drain(20s);
    door_->end();
  }

  // Runs `body` on the ranks from 1 on.
  void on_clients(const std::function<void(comm::Communicator&)>& body) {
    std::vector<std::thread> threads;
    for (size_t rank = 1; rank < groups_.size(); ++rank) {
      threads.emplace_back([&, rank] { body(*groups_[rank]); });
    }
    for (std::thread& thread : threads) thread.join();
  }

  comm::InprocWorld world_{4, "requests"};
  std::vector<std::unique_ptr<comm::Communicator>> groups_ = [this] {
    std::vector<std::unique_ptr<comm::Communicator>> groups;
    for (int rank = 0; rank < 4; ++rank) groups.push_back(world_.communicator(rank));
    return groups;
  }();
  std::unique_ptr<RankDoor> door_;
};

TEST_F(RankDoorTest, RanksGetWhatHttpGets) {
  open(options());
  Client http = client();
  const InferReply expected = infer(http, image_of_band(6));
  Client rank = client_over(*groups_[1], 0);
  EXPECT_EQ(infer(rank, image_of_band(6)).probabilities, expected.probabilities);
  on_clients([](comm::Communicator& group) {
    check_answers(group, 0);
    check_calls(group, 0);
  });
  end();
}

TEST_F(RankDoorTest, TheySeeNoReplicaDie) {
  open(options(), "shift 0 slow 2");
  std::atomic<int> answered{0};
  std::atomic<bool> done{false};
  std::thread killer([&] {
    for (int i = 0; i < 4; ++i) {
      const int before = answered;
      EXPECT_TRUE(eventually([&] { return answered > before + 20; }));
      ::kill(service_->stats().replicas[i % 2].pid, SIGKILL);
      EXPECT_TRUE(eventually([&] { return service_->stats().restarts > i && all_ready(); }));
    }
    done = true;
  });
  on_clients([&](comm::Communicator& group) {
    Client client = client_over(group, 0);
    while (!done) {
      EXPECT_EQ(infer(client, image_of_band(group.rank())).classes.at(0), group.rank());
      ++answered;
    }
  });
  killer.join();
  EXPECT_EQ(service_->stats().failed, 0);
  end();
}

TEST_F(RankDoorTest, LimitsHoldForThemToo) {
  ServiceOptions small = options();
  small.max_body_bytes = 10'000;
  small.token = "0123456789abcdef0123456789abcdef";  // they need not show it
  open(small);
  Client client = client_over(*groups_[2], 0);
  EXPECT_EQ(client.request("POST", "/predict", std::string(10'001, ' ')).status, 413);
  EXPECT_EQ(client.request("POST", "/v2/repository/models/bands/unload").status, 200);
  EXPECT_EQ(client.request("GET", "/v2/models/bands/ready").status, 503);
  EXPECT_THROW(infer(client, image_of_band(1)), Error);
  end();
}

TEST_F(RankDoorTest, WhatIsNoRequestHarmsNobodyElse) {
  open(options());
  const std::string broken[] = {"", "broken", encode_frame(FrameKind::ping, 1, "")};
  const auto send_all = [&] {
    for (const std::string& message : broken) {
      comm::send(*groups_[1], std::as_bytes(std::span(message)), 0, rank_tags::request);
    }
  };
  send_all();
  Client client = client_over(*groups_[1], 0);
  EXPECT_EQ(client.request("GET", "/v2/health/live").status, 200);
  send_all();
  end();
}

TEST_F(RankDoorTest, WhoIsNotAnsweredIsTold) {
  open(options(), "shift 0 slow 300");
  Client hasty = client_over(*groups_[1], 0, 50ms);
  try {
    infer(hasty, image_of_band(1));
    FAIL() << "a late answer came in time";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::unavailable);
    EXPECT_NE(std::string(error.what()).find("rank 0 of group 'requests'"), std::string::npos)
        << error.what();
  }
  Client nobody = client_over(*groups_[1], 3, 50ms);  // serves nothing
  EXPECT_THROW(nobody.request("GET", "/v2"), Error);
  end();
}

TEST_F(RankDoorTest, ALateAnswerIsNotTakenForTheNextOne) {
  open(options(), "shift 0 slow 300");
  RankTransport transport(*groups_[1], 0, 50ms);
  EXPECT_THROW(
      transport.exchange("POST", "/predict",
                         R"({"image_id":1,"image":)" + Json(image_of_band(1)).dump() + "}", {}),
      Error);
  EXPECT_TRUE(eventually([&] { return service_->stats().in_flight == 0; }));
  RankTransport another(*groups_[1], 0, 20s);  // of the same rank: its answers come there too
  EXPECT_EQ(another.exchange("GET", "/v2/health/live", "", {}).body, R"({"live":true})");
  EXPECT_EQ(transport.exchange("GET", "/v2/health/live", "", {}).body, R"({"live":true})");
  end();
}

TEST_F(RankDoorTest, TheEndAnswersThoseWhoWait) {
  open(options(), "shift 0 slow 500");
  std::atomic<int> refused{0};
  std::thread clients([&] {
    on_clients([&](comm::Communicator& group) {
      Client client = client_over(group, 0);
      const HttpReply reply =
          client.request("POST", "/v2/models/bands/infer", infer_text(image_of_band(group.rank())));
      refused += reply.status == 503;
    });
  });
  EXPECT_TRUE(eventually([&] { return service_->stats().in_flight == 3; }));
  door_->end();
  clients.join();
  EXPECT_EQ(refused, 3) << "the service was not drained before";
}

}  // namespace
}  // namespace podium::serve::test
