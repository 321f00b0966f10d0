// What smpirun starts: one simulated training step by each algorithm of AllReduce, and what the
// cost model says of it.
//
//   podium_simulated --buckets=BYTES@SECONDS,... --compute_s=S --algorithms=ring,halving,...
//                    [--ranks_per_node=N] [--bandwidth_gb_s=B] [--latency_us=L] [--check]
//
// Rank 0 prints one line per algorithm, PODIUM_SIMULATED {...}: exchange_s is that of all buckets
// at once, without computing. The ranks share one vector, whose values then mean nothing, unless
// --check asks for a vector each and sums that are right.
#include <mpi.h>
#include <smpi/smpi.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>

#include "comm/allreduce/cost_model.hpp"
#include "comm/allreduce/halving.hpp"
#include "comm/allreduce/ring.hpp"
#include "comm/allreduce/tree.hpp"
#include "comm/simulated/hierarchy.hpp"
#include "comm/simulated/simulated_communicator.hpp"
#include "comm/simulated/step.hpp"
#include "core/error.hpp"

namespace podium::comm {
namespace {

using Options = std::map<std::string, std::string>;

Options parse_options(int argc, char** argv) {
  Options options = {{"ranks_per_node", "1"}, {"bandwidth_gb_s", "12.5"},
                     {"latency_us", "2.5"},   {"compute_s", "0"},
                     {"buckets", ""},         {"algorithms", "ring"}};
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const size_t equals = std::min(word.find('='), word.size());
    if (!word.starts_with("--")) throw usage_error("unknown word '" + word + "'", "", "");
    options[word.substr(2, equals - 2)] =
        equals < word.size() ? word.substr(equals + 1) : std::string("true");
  }
  return options;
}

std::unique_ptr<SumAlgorithm> make_algorithm(Algorithm algorithm, const Communicator& group,
                                             int ranks_per_node) {
  switch (algorithm) {
    case Algorithm::ring:
      return std::make_unique<RingAllReduce>(group);
    case Algorithm::halving:
      return std::make_unique<HalvingAllReduce>(group);
    case Algorithm::tree:
      return std::make_unique<TreeAllReduce>(group);
    case Algorithm::hierarchical:
      return std::make_unique<SimulatedHierarchy>(group, ranks_per_node);
    case Algorithm::automatic:
    case Algorithm::mpi:
      break;
  }
  throw usage_error(std::string("'") + name_of(algorithm) + "' is not simulated", "--algorithms",
                    "name ring, halving, tree or hierarchical");
}

// One vector for all ranks, in one piece of real memory, or one for each.
std::span<float> shared_vector(size_t count) {
  auto* data = static_cast<float*>(SMPI_SHARED_MALLOC(std::max<size_t>(1, count) * sizeof(float)));
  return {data, count};
}

double largest(double mine) {
  double all = 0;
  MPI_Allreduce(&mine, &all, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  return all;
}

class Simulation {
 public:
  explicit Simulation(const Options& options)
      : group_("simulated", MPI_COMM_WORLD),
        watch_(group_, false),
        ranks_per_node_(std::stoi(options.at("ranks_per_node"))),
        compute_s_(std::stod(options.at("compute_s"))),
        buckets_(parse_buckets(options.at("buckets"))),
        costs_({group_.size(), std::max(1, group_.size() / ranks_per_node_), ranks_per_node_},
               1e-10) {
    watch_.set_give_way([this] {
      group_.await_progress();
      return true;
    });
    for (const SimulatedBucket& bucket : buckets_) {
      floats_ = std::max(floats_, bucket.bytes / sizeof(float));
    }
    const Cost message{1e-6 * std::stod(options.at("latency_us")),
                       1e-9 / std::stod(options.at("bandwidth_gb_s"))};
    for (const Algorithm algorithm : all_algorithms()) costs_.set(algorithm, message);
    if (group_.size() % ranks_per_node_ != 0) {
      throw usage_error(std::to_string(group_.size()) + " ranks do not fill nodes of " +
                            std::to_string(ranks_per_node_),
                        "--ranks_per_node", "choose a divisor");
    }
  }

  // Values that no rank has alone; integers, so that sums are exact.
  void check(Algorithm algorithm) {
    std::vector<float> values(floats_);
    const auto value = [](int rank, size_t i) { return static_cast<float>(rank + int(i % 13)); };
    for (size_t i = 0; i < floats_; ++i) values[i] = value(group_.rank(), i);
    const auto by = make_algorithm(algorithm, group_, ranks_per_node_);
    const Elements all = elements(std::span(values));
    watch_.start({1, all, WireType::fp32, "check"}, by->name());
    by->run({all.data, all}, watch_);
    for (size_t i = 0; i < floats_; ++i) {
      float expected = 0;
      for (int rank = 0; rank < group_.size(); ++rank) expected += value(rank, i);
      if (values[i] == expected) continue;
      throw internal_error("a simulated sum is wrong at element " + std::to_string(i), by->name());
    }
  }

  void measure(Algorithm algorithm) {
    const std::span<float> values = shared_vector(floats_);
    const auto by = make_algorithm(algorithm, group_, ranks_per_node_);
    std::vector<SimulatedBucket> at_once = buckets_;
    for (SimulatedBucket& bucket : at_once) bucket.ready_s = 0;
    MPI_Barrier(MPI_COMM_WORLD);
    const double exchange_s = largest(run_step(*by, watch_, values, at_once, 0).step_s);
    MPI_Barrier(MPI_COMM_WORLD);
    const SimulatedStep mine = run_step(*by, watch_, values, buckets_, compute_s_);
    const SimulatedStep step = {largest(mine.step_s), largest(mine.exposed_s)};
    SMPI_SHARED_FREE(values.data());
    if (group_.rank() == 0) print(algorithm, exchange_s, step);
  }

 private:
  void print(Algorithm algorithm, double exchange_s, const SimulatedStep& step) const {
    size_t bytes = 0;
    double model_s = 0;
    for (const SimulatedBucket& bucket : buckets_) {
      bytes += bucket.bytes;
      if (group_.size() > 1) model_s += costs_.seconds(algorithm, bucket.bytes);
    }
    std::printf(
        "PODIUM_SIMULATED {\"kind\":\"simulated\",\"algorithm\":\"%s\",\"ranks\":%d,"
        "\"ranks_per_node\":%d,\"bytes\":%zu,\"compute_s\":%.9g,"
        "\"exchange_s\":%.9g,\"flat_model_exchange_s\":%.9g,\"exposed_comm_s\":%.9g,"
        "\"step_s\":%.9g}\n",
        name_of(algorithm), group_.size(), ranks_per_node_, bytes, compute_s_, exchange_s, model_s,
        step.exposed_s, step.step_s);
  }

  SimulatedCommunicator group_;
  Watch watch_;
  int ranks_per_node_;
  double compute_s_;
  std::vector<SimulatedBucket> buckets_;
  CostModel costs_;  // of a network whose links nobody shares
  size_t floats_ = 0;
};

void simulate(const Options& options) {
  Simulation simulation(options);
  const std::string& names = options.at("algorithms");
  for (size_t begin = 0; begin < names.size();) {
    const size_t comma = std::min(names.find(',', begin), names.size());
    const Algorithm algorithm = parse_algorithm(names.substr(begin, comma - begin));
    if (options.contains("check")) simulation.check(algorithm);
    simulation.measure(algorithm);
    begin = comma + 1;
  }
}

}  // namespace
}  // namespace podium::comm

// All ranks are of one process, which ends with the first error.
[[noreturn]] void fail(const std::string& text, podium::ExitCode code) {
  std::fflush(stdout);
  std::fprintf(stderr, "podium: error: %s\n", text.c_str());
  std::_Exit(static_cast<int>(code));
}

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  try {
    podium::comm::simulate(podium::comm::parse_options(argc, argv));
  } catch (const podium::Error& error) {
    fail(error.what(), error.code());
  } catch (const std::exception& error) {
    fail(error.what(), podium::ExitCode::internal);
  }
  MPI_Finalize();
  return 0;
}
