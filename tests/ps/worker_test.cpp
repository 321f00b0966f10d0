// Workers and servers as threads: what is pushed is what is pulled, whole or in parts, by ranges or
// by keys, through filters, failures and faults.
#include "ps/worker.hpp"

#include <gtest/gtest.h>

#include <numeric>

#include "core/clock.hpp"
#include "core/random.hpp"
#include "ps/rules.hpp"
#include "ps/thread_servers.hpp"

namespace podium::ps::test {
namespace {

constexpr size_t values = 6000;

GroupOptions options_of(Consistency consistency, int servers = 2, int replicas = 0) {
  GroupOptions options;
  options.servers = servers;
  options.replicas = replicas;
  options.consistency = consistency;
  options.optimizer.rule = Rule::sum;
  options.split_values = 100;
  options.patience = std::chrono::seconds(20);
  options.retry = std::chrono::milliseconds(100);
  return options;
}

KeyMap map_of(const GroupOptions& options) {
  return KeyMap({{"bias", 12}, {"table", values - 12, 4}}, options);
}

std::vector<float> draws(uint64_t seed, size_t count = values) {
  Random random(seed);
  std::vector<float> drawn(count);
  for (float& value : drawn) value = static_cast<float>(random.normal());
  return drawn;
}

// Runs `body(worker)` for each worker in a thread of its own.
template <typename Body>
void in_threads(ThreadServers& servers, uint32_t workers, Body body) {
  std::vector<std::thread> threads;
  for (uint32_t w = 0; w < workers; ++w) {
    threads.emplace_back([&servers, w, &body] { body(*servers.worker(w)); });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(Worker, PullsWhatWasPushedInParts) {
  const GroupOptions options = options_of(Consistency::asp, 3);
  ThreadServers servers(map_of(options), options, std::vector<float>(values, 1), 1);
  const auto worker = servers.worker(0);
  std::vector<float> expected(values, 1);
  std::vector<Worker::Ticket> tickets;
  const std::vector<float> gradients = draws(1);
  for (const size_t first : {size_t{0}, size_t{1990}, size_t{5999}}) {  // many in flight
    const size_t count = std::min<size_t>(3000, values - first);
    tickets.push_back(
        worker->push(std::span(gradients).subspan(first, count), first, {.scale = 2}));
    for (size_t i = first; i < first + count; ++i) expected[i] += 2 * gradients[i];
  }
  const std::vector<Slice> slices = {{4000, std::span(gradients).first(10)},
                                     {10, std::span(gradients).first(2500)}};
  tickets.push_back(worker->push(slices));
  for (const Slice& slice : slices) {
    for (size_t i = 0; i < slice.values.size(); ++i) expected[slice.first + i] += slice.values[i];
  }
  std::vector<float> theta(values);
  worker->pull_all(theta);
  EXPECT_EQ(theta, expected);
  for (const Worker::Ticket ticket : tickets) worker->wait(ticket);
  std::vector<float> both(100);
  worker->wait(worker->push_pull(std::span(gradients).first(100), both, 1950));
  for (size_t i = 0; i < 100; ++i) EXPECT_EQ(both[i], expected[1950 + i] + gradients[i]);
  EXPECT_THROW(worker->push(gradients, 1), Error);
  EXPECT_THROW(worker->pull(theta, values + 1), Error);
}

// What servers end with is what others begin with: they go on to the same bits.
TEST(Worker, ReadsAllThatUpdatesDependOn) {
  for (const Rule rule : {Rule::sgd, Rule::momentum, Rule::adagrad, Rule::adam}) {
    GroupOptions options = options_of(Consistency::asp, 3, 1);
    options.optimizer.rule = rule;
    const std::vector<float> beginning = draws(7);
    ThreadServers servers(map_of(options), options, beginning, 1);
    const auto worker = servers.worker(0);
    const auto push = [](Worker& pushing, uint64_t from, uint64_t to) {
      for (uint64_t i = from; i < to; ++i) pushing.push_all(draws(i));
    };
    push(*worker, 1, 4);
    std::vector<float> state(values * layers_of(rule));
    worker->pull_state(state);
    std::vector<float> theta(values);
    worker->pull_all(theta);
    EXPECT_EQ(theta, std::vector<float>(state.begin(), state.begin() + values));
    push(*worker, 4, 7);
    worker->pull_all(theta);

    ThreadServers successors(map_of(options), options, state, 1);
    const auto successor = successors.worker(0);
    push(*successor, 4, 7);
    std::vector<float> again(values);
    successor->pull_all(again);
    EXPECT_EQ(again, theta) << static_cast<int>(rule);
  }
}

TEST(Worker, RowsByKeysOnceNamed) {
  const GroupOptions options = options_of(Consistency::asp);
  ThreadServers servers(map_of(options), options, std::vector<float>(values, 0), 1);
  const auto worker = servers.worker(0);
  std::vector<uint32_t> keys(400);
  for (size_t i = 0; i < keys.size(); ++i) keys[i] = static_cast<uint32_t>(3 * i + i % 2);
  const Rows rows{12, 4, keys};
  const std::vector<float> pushed = draws(2, keys.size() * 4);
  for (int turn = 0; turn < 3; ++turn) worker->wait(worker->push(rows, pushed));
  std::vector<float> pulled(pushed.size());
  worker->wait(worker->pull(rows, pulled));
  for (size_t i = 0; i < pulled.size(); ++i) {
    EXPECT_EQ(pulled[i], pushed[i] + pushed[i] + pushed[i]) << i;
  }
  EXPECT_EQ(worker->report().bytes_saved_keys, 3 * keys.size() * sizeof(uint32_t));
  std::vector<float> theta(values);
  worker->pull_all(theta);
  const float total = std::accumulate(pulled.begin(), pulled.end(), 0.0F);
  EXPECT_FLOAT_EQ(std::accumulate(theta.begin(), theta.end(), 0.0F), total);
  const size_t cut = map_of(options).range_of(1).first;
  const std::vector<uint32_t> across = {0};
  EXPECT_THROW(worker->push(Rows{cut - 2, 4, across}, std::span(pushed).first(4)), Error);
}

// As if one process had all gradients: steps in order, workers in order.
TEST(Worker, BspIsTheSameAsOneProcess) {
  for (const bool in_one : {false, true}) {
    GroupOptions options = options_of(Consistency::bsp);
    options.optimizer.rule = Rule::momentum;
    constexpr uint32_t workers = 3;
    const std::vector<float> start = draws(9);
    ThreadServers servers(map_of(options), options, start, workers);
    std::vector<std::vector<float>> ends(workers);
    in_threads(servers, workers, [&](Worker& worker) {
      std::vector<float> theta(values);
      worker.pull_all(theta);
      for (uint64_t step = 0; step < 5; ++step) {
        const std::vector<float> gradients = draws(100 * step + worker.number());
        const PushOptions push{.scale = 1.0F / workers, .lr = 0.1F};
        if (in_one) {
          worker.step(gradients, theta, push);
        } else {
          worker.push_all(gradients, push);
          worker.tick();
          worker.pull_all(theta);
        }
      }
      ends[worker.number()] = theta;
      worker.leave();
    });
    std::vector<double> theta(start.begin(), start.end()), velocity(values);
    for (uint64_t step = 0; step < 5; ++step) {
      std::vector<double> mean(values);
      for (uint32_t w = 0; w < workers; ++w) {
        const std::vector<float> gradients = draws(100 * step + w);
        for (size_t i = 0; i < values; ++i) mean[i] += gradients[i] / 3.0;
      }
      for (size_t i = 0; i < values; ++i) {
        velocity[i] = 0.9 * velocity[i] + mean[i];
        theta[i] -= 0.1 * (mean[i] + 0.9 * velocity[i]);
      }
    }
    for (size_t i = 0; i < values; ++i) ASSERT_NEAR(ends[0][i], theta[i], 1e-5) << i;
    EXPECT_EQ(ends[0], ends[1]);
    EXPECT_EQ(ends[0], ends[2]);
  }
}

TEST(Worker, FiltersSaveBytesAndLoseNothing) {
  GroupOptions options = options_of(Consistency::asp);
  options.filters.encoding = Encoding::bf16;
  options.filters.significance = 1;
  ThreadServers servers(map_of(options), options, std::vector<float>(values, 0), 1);
  const auto worker = servers.worker(0);
  std::vector<double> given(values);
  for (uint64_t step = 0; step < 100; ++step) {
    const std::vector<float> gradients = draws(step);
    worker->push_all(gradients);
    for (size_t i = 0; i < values; ++i) given[i] += gradients[i];
  }
  std::vector<float> theta(values);
  worker->pull_all(theta);
  for (size_t i = 0; i < values; ++i) ASSERT_NEAR(theta[i], given[i], 4) << i;  // what is kept
  const WorkerReport report = worker->report();
  const uint64_t dense = 100 * values * sizeof(float);
  EXPECT_EQ(report.bytes_sent + report.bytes_saved_encoding + report.bytes_saved_significance,
            dense);
  EXPECT_LT(report.bytes_sent, dense / 2);
}

// Servers die and come back while workers train: the same bits as if nothing had happened.
TEST(Worker, ServersDieAndComeBackUnnoticed) {
  constexpr uint32_t workers = 2;
  std::vector<std::vector<float>> ends;
  for (const bool deaths : {false, true}) {
    GroupOptions options = options_of(Consistency::bsp, 3, 1);
    options.optimizer.rule = Rule::adam;
    ThreadServers servers(map_of(options), options, draws(9), workers);
    std::atomic<uint64_t> steps{0};
    std::thread killer([&] {
      for (int server = 0; deaths && server < 3; ++server) {
        const Stopwatch watch;
        const uint64_t until = steps + 3;
        while (steps < until && watch.seconds() < 10) std::this_thread::yield();
        servers.kill(server);
        servers.restart(server);
        while (!servers.current(server) && watch.seconds() < 10) std::this_thread::yield();
      }
    });
    in_threads(servers, workers, [&](Worker& worker) {
      std::vector<float> theta(values);
      for (uint64_t step = 0; step < 60; ++step) {
        const std::vector<float> gradients = draws(100 * step + worker.number());
        worker.step(gradients, theta, {.scale = 0.5F, .lr = 0.01F});
        ++steps;
      }
      if (worker.number() == 0) {
        ends.push_back(theta);
        EXPECT_EQ(worker.report().failovers > 0, deaths);
      }
      worker.leave();
    });
    killer.join();
  }
  EXPECT_EQ(ends[0], ends[1]);
}

// Links that lose, delay and double messages: every push counts once.
TEST(Worker, EveryPushCountsOnceOverBadLinks) {
  const GroupOptions options = options_of(Consistency::ssp, 2, 1);
  FaultOptions faults;
  faults.seed = 5;
  faults.drop = faults.duplicate = faults.delay = 0.05;
  constexpr uint32_t workers = 2;
  constexpr int pushes = 40;
  ThreadServers servers(map_of(options), options, std::vector<float>(values, 0), workers, faults);
  in_threads(servers, workers, [&](Worker& worker) {
    const std::vector<float> ones(values, 1);
    for (int i = 0; i < pushes; ++i) {
      worker.push_all(ones);
      worker.tick();
    }
    worker.wait_all();
    std::vector<float> theta(values);
    worker.pull_all(theta);
    if (worker.number() == 0) worker.leave();
    if (worker.number() == 1) {
      const Stopwatch watch;
      while (theta[0] < pushes * workers && watch.seconds() < 20) worker.pull_all(theta);
      EXPECT_EQ(theta, std::vector<float>(values, pushes * workers));
    }
  });
  EXPECT_GT(servers.report().duplicates, 0u);
}

TEST(Worker, SaysWhomItWaitsForInVain) {
  GroupOptions options = options_of(Consistency::bsp);
  options.patience = std::chrono::milliseconds(300);
  ThreadServers servers(map_of(options), options, std::vector<float>(values, 0), 2);
  const auto worker = servers.worker(0);
  worker->tick();
  std::vector<float> theta(values);
  try {
    worker->pull_all(theta);  // worker 1 never comes
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::unavailable);
    EXPECT_NE(std::string(error.what()).find("to answer a pull"), std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace podium::ps::test
