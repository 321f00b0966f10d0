// Servers and workers as processes that are killed and stopped: what was acknowledged is there, who
// died is replaced, and what cannot be saved is told by name.
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <thread>

#include "core/error.hpp"
#include "core/restarts.hpp"
#include "core/sockets.hpp"
#include "ps/group_main.hpp"
#include "ps/tcp/control.hpp"
#include "ps/tcp/server_group.hpp"
#include "ps/tcp/socket.hpp"

namespace podium::ps {
namespace {

using test_group::limit;
using Milliseconds = std::chrono::milliseconds;

template <typename Done>
bool wait_until(Done done) {
  const Deadline deadline(limit);
  while (!done()) {
    if (deadline.expired()) return false;
    std::this_thread::sleep_for(Milliseconds(2));
  }
  return true;
}

class Group : public testing::Test {
 protected:
  void start(int servers, int replicas, Consistency consistency, Milliseconds silence,
             const std::string& listen = "127.0.0.1:0") {
    options_ = test_group::options(servers, replicas, consistency);
    ServerGroup::Options options;
    options.group = options_;
    options.grace = Milliseconds(300);
    options.silence = silence;
    options.listen = listen;
    options.log = Log(LogLevel::error, "test");
    group_ = std::make_unique<ServerGroup>(test_group::buffers(),
                                           std::vector<float>(test_group::values()), options);
  }

  std::unique_ptr<Worker> join(uint32_t number) {
    return join_group(group_->ticket(), number, KeyMap(test_group::buffers(), options_), options_);
  }

  bool all_current() const {
    const Roster roster = group_->roster();
    return std::ranges::all_of(roster.servers, [](const auto& s) { return s.alive && s.current; });
  }

  size_t workers() const { return group_->roster().workers.size(); }

  // Two workers push ones while `harm` is done; afterwards every push has counted once.
  void expect_exact_sums(const std::function<void()>& harm) {
    constexpr int pushes = 400;
    std::atomic<int> done{0};
    std::atomic<bool> harmed{false};
    std::atomic<uint64_t> failovers{0};
    std::vector<std::string> errors(2);
    std::vector<std::thread> threads;
    for (uint32_t number = 0; number < 2; ++number) {
      threads.emplace_back([&, number] {
        try {
          const auto worker = join(number);
          const std::vector<float> ones(test_group::values(), 1);
          for (int i = 0; i < pushes || !harmed; ++i) {
            worker->push(ones, size_t{0});
            if (i % 4 == 3) worker->wait_all();
            ++done;
          }
          worker->wait_all();
          failovers += worker->report().failovers;
          worker->leave();
        } catch (const Error& error) {
          errors[number] = error.what();
        }
      });
    }
    EXPECT_TRUE(wait_until([&] { return done > pushes / 4; }));
    harm();
    harmed = true;
    for (std::thread& thread : threads) thread.join();
    for (const std::string& error : errors) EXPECT_EQ(error, "");
    EXPECT_EQ(group_->theta(),
              std::vector<float>(test_group::values(), static_cast<float>(done.load())));
    EXPECT_GT(failovers, 0U);
  }

  GroupOptions options_;
  std::unique_ptr<ServerGroup> group_;
};

TEST_F(Group, ThoseOfAJobOnSeveralNodesListenOnAllNetworks) {
  start(2, 1, Consistency::asp, Milliseconds(5000), "*:0");
  for (const Roster::Server& server : group_->roster().servers) {
    const Address address = parse_address(server.address);
    EXPECT_TRUE(connect_by_tcp("127.0.0.2", address.port, Milliseconds(5000))) << server.address;
  }
  const auto worker = join(0);
  worker->push(std::vector<float>(test_group::values(), 1), size_t{0});
  worker->wait_all();
  worker->leave();
  EXPECT_EQ(group_->theta(), std::vector<float>(test_group::values(), 1));
}

TEST_F(Group, WithoutMemoryToSharePayloadsTravelByTheSocket) {
  start(1, 0, Consistency::asp, Milliseconds(5000));
  const auto map = KeyMap(test_group::buffers(), options_);
  size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_AS, &before), 0);
  const rlim_t little = pages * static_cast<size_t>(::sysconf(_SC_PAGESIZE)) + (96U << 20);
  const rlimit tight{little, before.rlim_max};  // a window takes 128 MiB
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &tight), 0);
  try {
    options_.patience = Milliseconds(5000);
    const auto worker = join_group(group_->ticket(), 0, map, options_);
    worker->push(std::vector<float>(test_group::values(), 1), size_t{0});
    worker->wait_all();
    worker->leave();
  } catch (const Error& error) {
    ADD_FAILURE() << error.what();
  }
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &before), 0);
  EXPECT_EQ(group_->theta(), std::vector<float>(test_group::values(), 1));
}

TEST_F(Group, WithTheLastHolderOfARangeItIsLost) {
  start(2, 1, Consistency::asp, Milliseconds(5000));
  ::kill(group_->pid(0), SIGKILL);
  EXPECT_TRUE(wait_until([&] { return group_->restarts() == 1 && all_current(); }));
  EXPECT_FALSE(group_->lost());
  for (const int server : {0, 1}) ::kill(group_->pid(server), SIGKILL);
  EXPECT_TRUE(wait_until([&] { return group_->lost(); }));
}

TEST_F(Group, AKilledServerLosesNoPush) {
  start(2, 1, Consistency::asp, Milliseconds(5000));
  expect_exact_sums([&] { ::kill(group_->pid(0), SIGKILL); });
  EXPECT_GE(group_->restarts(), 1);
}

TEST_F(Group, ServersKilledInTurnsLoseNoPush) {
  start(3, 1, Consistency::asp, Milliseconds(5000));
  expect_exact_sums([&] {
    for (const int server : {0, 1, 2, 0}) {
      ::kill(group_->pid(server), SIGKILL);
      EXPECT_TRUE(wait_until([&] { return !group_->roster().servers[server].alive; }));
      EXPECT_TRUE(wait_until([&] { return all_current(); })) << "after the death of " << server;
    }
  });
  EXPECT_EQ(group_->restarts(), 4);
}

// Workers that would not ask again within an hour hear of every change that concerns them.
TEST_F(Group, NoRecoveryWaitsUntilWorkersAskAgain) {
  for (const Consistency consistency : {Consistency::bsp, Consistency::asp}) {
    start(3, 1, consistency, Milliseconds(5000));
    options_.retry = std::chrono::hours(1);
    std::atomic<bool> harmed{false};
    std::vector<std::string> errors(2);
    std::vector<std::thread> threads;
    for (uint32_t number = 0; number < 2; ++number) {
      threads.emplace_back([&, number] {
        try {
          const auto worker = join(number);
          const std::vector<float> ones(test_group::values(), 1);
          std::vector<float> theta(test_group::values());
          while (!harmed) worker->step(ones, theta);
          worker->leave();
        } catch (const Error& error) {
          errors[number] = error.what();
          harmed = true;
        }
      });
    }
    EXPECT_TRUE(wait_until([&] { return workers() == 2; }));
    for (const int server : {0, 1, 2, 0, 2, 1}) {
      ::kill(group_->pid(server), SIGKILL);
      EXPECT_TRUE(wait_until([&] { return !group_->roster().servers[server].alive; }));
      EXPECT_TRUE(wait_until([&] { return harmed || all_current(); }));
      std::this_thread::sleep_for(Milliseconds(20));  // and steps by the one that is back
    }
    harmed = true;
    for (std::thread& thread : threads) thread.join();
    for (const std::string& error : errors) EXPECT_EQ(error, "");
  }
}

TEST_F(Group, AStoppedServerIsReplaced) {
  start(2, 1, Consistency::asp, Milliseconds(800));
  const int stopped = group_->pid(1);
  expect_exact_sums([&] {
    ::kill(stopped, SIGSTOP);
    EXPECT_TRUE(wait_until([&] { return group_->pid(1) != stopped && all_current(); }));
  });
}

TEST_F(Group, WithoutBackupsALostServerIsToldByName) {
  start(2, 0, Consistency::asp, Milliseconds(5000));
  const auto worker = join(0);
  const std::vector<float> ones(test_group::values(), 1);
  worker->push_all(ones);
  ::kill(group_->pid(1), SIGKILL);
  const Stopwatch watch;
  try {
    for (int i = 0; i < 100'000; ++i) worker->push_all(ones);
    FAIL() << "server 1 is lost";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::unavailable);
    EXPECT_NE(std::string(error.what()).find("server 1"), std::string::npos) << error.what();
  }
  EXPECT_LT(watch.seconds(), 20);  // not the whole patience
  EXPECT_EQ(group_->restarts(), 0);
  EXPECT_THROW(group_->theta(), Error);
}

TEST_F(Group, AServerAndItsBackupThatDieTogetherAreToldAsThat) {
  start(2, 1, Consistency::asp, Milliseconds(5000));
  const auto worker = join(0);
  const std::vector<float> ones(test_group::values(), 1);
  worker->push_all(ones);
  for (const int pid : {group_->pid(0), group_->pid(1)}) ::kill(pid, SIGKILL);
  try {
    for (int i = 0; i < 100'000; ++i) worker->push_all(ones);
    FAIL() << "both are lost";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::unavailable);
    EXPECT_NE(std::string(error.what()).find("and its backup with it"), std::string::npos)
        << error.what();
  }
}

TEST_F(Group, AServerThatDiesAgainAndAgainIsLeftDown) {
  start(2, 1, Consistency::asp, Milliseconds(5000));
  for (int death = 0; death < 5; ++death) {
    ASSERT_TRUE(wait_until([&] { return group_->pid(1) != 0 && all_current(); })) << death;
    ::kill(group_->pid(1), SIGKILL);
    ASSERT_TRUE(wait_until([&] { return !group_->roster().servers[1].alive; }));
  }
  EXPECT_EQ(group_->restarts(), 4);
  std::this_thread::sleep_for(Milliseconds(1000));
  EXPECT_EQ(group_->pid(1), 0);
  const auto worker = join(0);  // the other one goes on alone
  const std::vector<float> ones(test_group::values(), 1);
  worker->push_all(ones);
  EXPECT_EQ(group_->theta(), ones);
}

// The clock that a stepper says next; 0 when it says none.
uint64_t next_clock(const FileDescriptor& socket) {
  std::string line;
  char byte = 0;
  while (wait_for(socket.get(), POLLIN, SteadyClock::now() + limit) &&
         ::recv(socket.get(), &byte, 1, 0) == 1) {
    if (byte == '\n') return std::stoull(line);
    line.push_back(byte);
  }
  return 0;
}

// A worker of this process steps on beside one that is harmed: in BSP nobody gets ahead while a
// worker is missing, so steps show that it was dropped.
TEST_F(Group, AKilledWorkerIsDroppedAndJoinsAgain) {
  start(2, 0, Consistency::bsp, Milliseconds(5000));
  const auto worker = join(0);
  const std::vector<float> ones(test_group::values(), 1);
  std::vector<float> theta(test_group::values());
  worker->step(ones, theta, {});
  for (int life = 0; life < 2; ++life) {
    WorkerProcess stepper = test_group::start_stepper(group_->ticket(), 1, options_);
    const FileDescriptor socket = stepper.take_socket();
    ASSERT_TRUE(wait_until([&] { return workers() == 2; })) << life;
    std::thread steps([&] {
      for (int i = 0; i < 20; ++i) worker->step(ones, theta, {});
    });
    EXPECT_GE(next_clock(socket), 1U);
    steps.join();
    stepper.signal(SIGKILL);
    for (int i = 0; i < 20; ++i) worker->step(ones, theta, {});
    EXPECT_EQ(workers(), 1U);
  }
  EXPECT_EQ(worker->clock(), 81U);
}

TEST_F(Group, AStoppedWorkerIsDropped) {
  start(2, 0, Consistency::bsp, Milliseconds(800));
  const auto worker = join(0);
  const std::vector<float> ones(test_group::values(), 1);
  std::vector<float> theta(test_group::values());
  WorkerProcess stepper = test_group::start_stepper(group_->ticket(), 1, options_);
  ASSERT_TRUE(wait_until([&] { return workers() == 2; }));
  stepper.signal(SIGSTOP);
  for (int i = 0; i < 20; ++i) worker->step(ones, theta, {});
  EXPECT_EQ(workers(), 1U);
}

TEST_F(Group, AWrongSecretIsRefused) {
  start(1, 0, Consistency::asp, Milliseconds(5000));
  Ticket ticket = parse_ticket(group_->ticket());
  ticket.secret += "x";
  GroupOptions hasty = options_;
  hasty.patience = Milliseconds(5000);
  EXPECT_THROW(join_group(ticket.text(), 0, KeyMap(test_group::buffers(), hasty), hasty), Error);
  EXPECT_THROW(parse_ticket("podium-ps-1 host:1"), Error);
}

TEST_F(Group, ServersEndWithTheirGroup) {
  start(2, 0, Consistency::asp, Milliseconds(5000));
  const int pid = group_->pid(0);
  ASSERT_EQ(::kill(pid, 0), 0);
  const auto worker = join(0);
  group_.reset();
  EXPECT_TRUE(wait_until([&] { return ::kill(pid, 0) != 0; }));
  const std::vector<float> ones(test_group::values(), 1);
  try {
    worker->push_all(ones);
    FAIL() << "there are no servers";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::unavailable);
  }
}

TEST_F(Group, ReportsWhatItsServersDid) {
  start(2, 0, Consistency::asp, Milliseconds(5000));
  const auto worker = join(0);
  const std::vector<float> ones(test_group::values(), 1);
  for (int i = 0; i < 3; ++i) worker->push_all(ones);
  const ServerReport report = group_->report();
  EXPECT_EQ(report.pushes, 6U);  // three to each server
  EXPECT_EQ(report.bytes_in, 3 * test_group::values() * sizeof(float));
}

TEST(Restarts, PausesDoubleAndTheFifthDeathOfAMinuteIsTheLast) {
  Restarts restarts;
  const auto begin = SteadyClock::now();
  for (const int pause_ms : {100, 200, 400, 800}) {
    EXPECT_EQ(restarts.died(begin), begin + Milliseconds(pause_ms));
  }
  EXPECT_FALSE(restarts.died(begin));
  const auto later = begin + std::chrono::seconds(61);
  EXPECT_EQ(restarts.died(later), later + Milliseconds(100));
}

TEST(Control, TextsComeBack) {
  ps::Setup setup{3, {{"a", 10, 2}, {"b", 5}}, test_group::options(4, 2, Consistency::ssp)};
  setup.options.staleness = 7;
  setup.options.optimizer.lr = 0.1F;
  setup.options.optimizer.ranges = {{15, 0.5F, false}};
  const ps::Setup again = parse_setup(to_text(setup));
  EXPECT_EQ(to_text(again), to_text(setup));
  EXPECT_EQ(again.options.optimizer.lr, 0.1F);
  EXPECT_EQ(again.options.optimizer.ranges, setup.options.optimizer.ranges);
  EXPECT_EQ(again.buffers.front().row, 2U);
  const Roster roster{5, {{"a:1/x", true, false}, {"b:2", false, false}}, {0, 7}};
  EXPECT_EQ(parse_roster(to_text(roster)), roster);
  EXPECT_THROW(parse_roster("{}"), Error);
  EXPECT_THROW(parse_setup("no"), Error);
}

}  // namespace
}  // namespace podium::ps
