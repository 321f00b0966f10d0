#include "ps/consistency_checks.hpp"

#include <algorithm>
#include <numeric>
#include <thread>

#include "core/clock.hpp"

namespace podium::ps::checks {
namespace {

constexpr uint64_t steps = 25;

Scene scene_of(Consistency consistency) {
  Scene scene;
  scene.options.servers = 2;
  scene.options.consistency = consistency;
  scene.options.optimizer.rule = Rule::sum;
  scene.options.patience = std::chrono::seconds(60);
  scene.options.split_values = 64;
  scene.options.message_values = 100;  // so that messages are cut
  scene.buffers = {{"first", 300}, {"second", 7}, {"third", 1000}};
  return scene;
}

// What one push of a worker adds.
float part_of(uint32_t worker, size_t index) {
  return static_cast<float>((worker + 1) * (index % 7));
}

std::vector<float> push_of(const Party& party, size_t values) {
  std::vector<float> push(values);
  for (size_t i = 0; i < values; ++i) push[i] = part_of(party.index, i);
  return push;
}

// Θ after so many pushes of each worker.
std::vector<float> sum_of(uint32_t workers, uint64_t pushes, size_t values) {
  std::vector<float> sum(values);
  for (uint32_t worker = 0; worker < workers; ++worker) {
    for (size_t i = 0; i < values; ++i) sum[i] += static_cast<float>(pushes) * part_of(worker, i);
  }
  return sum;
}

// Pulls until Θ is `expected`: others may still be pushing.
void expect_at_last(const Party& party, const std::vector<float>& expected) {
  std::vector<float> theta(expected.size());
  const Deadline deadline(std::chrono::seconds(30));
  do {
    party.worker.pull_all(theta);
  } while (theta != expected && !deadline.expired());
  EXPECT_EQ(theta, expected);
}

}  // namespace

size_t Scene::values() const {
  return std::accumulate(buffers.begin(), buffers.end(), size_t{0},
                         [](size_t sum, const NamedSize& buffer) { return sum + buffer.values; });
}

// A pull at clock c sees all pushes of c steps, and no other.
Scene bsp_sums() {
  Scene scene = scene_of(Consistency::bsp);
  const size_t values = scene.values();
  scene.body = [values](const Party& party) {
    const std::vector<float> push = push_of(party, values);
    std::vector<float> theta(values);
    for (uint64_t step = 0; step < steps; ++step) {
      party.worker.pull_all(theta);
      ASSERT_EQ(theta, sum_of(party.workers, step, values)) << "step " << step;
      party.worker.push_all(push);
      party.worker.tick();
    }
    party.worker.pull_all(theta);
    EXPECT_EQ(theta, sum_of(party.workers, steps, values));
    EXPECT_EQ(party.worker.clock(), steps);
    for (size_t age = 1; age < party.worker.report().staleness.size(); ++age) {
      EXPECT_EQ(party.worker.report().staleness[age], 0U) << age;
    }
  };
  return scene;
}

// The same in one message a step.
Scene bsp_steps() {
  Scene scene = scene_of(Consistency::bsp);
  const size_t values = scene.values();
  scene.body = [values](const Party& party) {
    const std::vector<float> push = push_of(party, values);
    std::vector<float> theta(values);
    for (uint64_t step = 1; step <= steps; ++step) {
      party.worker.step(push, theta, {});
      ASSERT_EQ(theta, sum_of(party.workers, step, values)) << "step " << step;
    }
  };
  return scene;
}

// Each worker counts its steps in a value of its own: a read at clock c holds c of its reader's, at
// least c - staleness of everybody's. All but the first worker lag behind now and then.
Scene ssp_bound(uint64_t staleness) {
  Scene scene = scene_of(Consistency::ssp);
  scene.options.staleness = staleness;
  const size_t values = scene.values();
  scene.body = [values, staleness](const Party& party) {
    std::vector<float> push(values);
    for (size_t i = party.index; i < values; i += party.workers) push[i] = 1;
    std::vector<float> theta(values);
    for (uint64_t step = 0; step < 3 * steps; ++step) {
      party.worker.pull_all(theta);
      for (size_t i = 0; i < values; ++i) {
        const auto count = static_cast<uint64_t>(theta[i]);
        if (i % party.workers == party.index) {
          ASSERT_EQ(count, step) << i;
        }
        ASSERT_GE(count + staleness, step) << "read by " << party.index << " at " << i;
      }
      if (party.index > 0 && step % 5 == party.index) {
        std::this_thread::sleep_for(std::chrono::milliseconds(3));
      }
      party.worker.push_all(push);
      party.worker.tick();
    }
    const std::vector<uint64_t> ages = party.worker.report().staleness;
    for (size_t age = staleness + 1; age < ages.size(); ++age) EXPECT_EQ(ages[age], 0U) << age;
  };
  return scene;
}

// Every push counts once, whenever.
Scene asp_sums() {
  Scene scene = scene_of(Consistency::asp);
  const size_t values = scene.values();
  scene.body = [values](const Party& party) {
    const std::vector<float> push = push_of(party, values);
    for (uint64_t i = 0; i < steps; ++i) party.worker.push(push, size_t{0});
    party.worker.wait_all();
    party.all_here();
    expect_at_last(party, sum_of(party.workers, steps, values));
  };
  return scene;
}

// Rows of a table, by key, some of many workers and some of one.
Scene sparse_rows(uint32_t width) {
  Scene scene = scene_of(Consistency::asp);
  constexpr uint32_t rows = 5000;
  scene.buffers = {{"bias", 10}, {"table", size_t{rows} * width, width}};
  scene.body = [width](const Party& party) {
    std::vector<uint32_t> keys;
    for (uint32_t key = party.index; key < rows; key += 1 + party.index) keys.push_back(key);
    std::vector<float> push(keys.size() * width);
    for (size_t i = 0; i < push.size(); ++i) push[i] = static_cast<float>(keys[i / width] % 10);
    for (uint64_t i = 0; i < 5; ++i) party.worker.push(Rows{10, width, keys}, push);
    party.worker.wait_all();
    party.all_here();
    std::vector<float> expected(size_t{rows} * width);
    for (uint32_t worker = 0; worker < party.workers; ++worker) {
      for (uint32_t key = worker; key < rows; key += 1 + worker) {
        for (uint32_t i = 0; i < width; ++i) {
          expected[size_t{key} * width + i] += 5 * static_cast<float>(key % 10);
        }
      }
    }
    std::vector<float> theta(expected.size());
    party.worker.wait(party.worker.pull(theta, 10));
    EXPECT_EQ(theta, expected);
    std::vector<float> mine(push.size());
    party.worker.wait(party.worker.pull(Rows{10, width, keys}, mine));
    for (size_t i = 0; i < mine.size(); ++i) {
      ASSERT_EQ(mine[i], expected[size_t{keys[i / width]} * width + i % width]) << i;
    }
  };
  return scene;
}

// Longer than any buffer on the way, several under way at once.
Scene large_vectors() {
  Scene scene = scene_of(Consistency::asp);
  scene.options.message_values = 500'000;
  scene.buffers = {{"large", 3'000'001}};
  const size_t values = scene.values();
  scene.body = [values](const Party& party) {
    const std::vector<float> push = push_of(party, values);
    for (int i = 0; i < 3; ++i) party.worker.push(push, size_t{0});
    std::vector<float> theta(values);
    party.worker.pull_all(theta);  // behind the pushes of this worker
    for (size_t i = 0; i < values; ++i) ASSERT_GE(theta[i], 3 * part_of(party.index, i)) << i;
    party.all_here();
    expect_at_last(party, sum_of(party.workers, 3, values));
  };
  return scene;
}

// The same steps, not cut.
Scene bsp_whole_steps() {
  Scene scene = bsp_steps();
  scene.options.message_values = GroupOptions{}.message_values;
  return scene;
}

std::vector<std::pair<const char*, Scene>> all_scenes() {
  return {{"BspSums", bsp_sums()},
          {"BspSteps", bsp_steps()},
          {"BspWholeSteps", bsp_whole_steps()},
          {"SspBound0", ssp_bound(0)},
          {"SspBound3", ssp_bound(3)},
          {"AspSums", asp_sums()},
          {"SparseRows", sparse_rows(4)},
          {"SparseValues", sparse_rows(1)},
          {"LargeVectors", large_vectors()}};
}

}  // namespace podium::ps::checks
