#include "bench/search_bench.hpp"

#include <algorithm>
#include <functional>
#include <numeric>

#include "bench/rank_test.hpp"
#include "bench/search_trial.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"

namespace podium::bench {
namespace {

constexpr size_t curve_points = 20;
constexpr size_t tail_share = 5;  // the last fifth

double mean(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// Accuracies and ranks of the networks, in the mean over their trainings.
struct Standing {
  explicit Standing(const SearchTable& table) : ranks(table.networks) {
    for (size_t network = 0; network < table.networks; ++network) {
      accuracies.push_back(table.mean(network));
    }
    std::vector<size_t> order(table.networks);
    std::iota(order.begin(), order.end(), size_t{0});
    std::ranges::stable_sort(order, std::ranges::greater{},
                             [&](size_t network) { return accuracies[network]; });
    for (size_t rank = 0; rank < order.size(); ++rank) {
      ranks[order[rank]] = static_cast<double>(rank + 1);
    }
    best = accuracies[order.front()];
  }

  std::vector<double> accuracies;
  std::vector<double> ranks;
  double best = 0;
};

// Adds the means of each twentieth of `values`, weighed.
void add_curve(std::span<const double> values, double weight, std::vector<double>& curve) {
  curve.resize(curve_points, 0.0);
  for (size_t i = 0; i < curve_points; ++i) {
    const size_t begin = i * values.size() / curve_points;
    const size_t end = std::max(begin + 1, (i + 1) * values.size() / curve_points);
    curve[i] += weight * mean(values.subspan(begin, end - begin));
  }
}

void count(const SearchTrial& trial, const Standing& standing, int seeds,
           SearchContender& contender) {
  const size_t tail = std::max<size_t>(1, trial.rewards.size() / tail_share);
  contender.tail.push_back(mean(std::span(trial.rewards).last(tail)));
  double accuracy = 0;
  for (const size_t network : std::span(trial.networks).last(tail)) {
    accuracy += standing.accuracies[network] / static_cast<double>(tail);
  }
  contender.regret.push_back(standing.best - accuracy);
  const auto best = std::ranges::max_element(trial.rewards) - trial.rewards.begin();
  const size_t found = trial.networks[static_cast<size_t>(best)];
  contender.best.push_back(trial.rewards[static_cast<size_t>(best)]);
  contender.best_rank.push_back(standing.ranks[found]);
  contender.best_regret.push_back(standing.best - standing.accuracies[found]);
  add_curve(trial.rewards, 1.0 / seeds, contender.reward_curve);
  add_curve(trial.entropies, 1.0 / seeds, contender.entropy_curve);
}

}  // namespace

double SearchContender::mean_tail() const {
  return mean(tail);
}

SearchBench bench_search(const SearchTable& table, const SearchBenchOptions& options) {
  if (!table.complete()) {
    throw data_error("the table is not finished", "bench.table",
                     "run the command that makes it again: it goes on");
  }
  const Stopwatch watch;
  const search::Space space = search::Space::parse(table.space);
  const Standing standing(table);
  SearchBench bench;
  bench.networks = table.networks;
  bench.best_accuracy = standing.best;
  bench.mean_accuracy = mean(standing.accuracies);
  bench.worst_accuracy = *std::ranges::min_element(standing.accuracies);
  const std::vector<SearchHow> ways = {
      {"random", "random"},
      {"reinforce", "reinforce", options.lr},
      {"evolution", "evolution"},
      {"reinforce, learning rate 0", "reinforce", 0},
      {"reinforce, shuffled rewards", "reinforce", options.lr, true},
  };
  for (const SearchHow& how : ways) {
    SearchContender& contender = bench.contenders.emplace_back();
    contender.what = how.what;
    for (int i = 0; i < options.seeds; ++i) {
      // Random search is one sample of luck; nobody else shares it.
      const uint64_t seed = options.method.seed + static_cast<uint64_t>(i) * ways.size() +
                            bench.contenders.size() - 1;
      count(search_once(table, space, how, seed, options), standing, options.seeds, contender);
    }
    if (bench.contenders.size() == 1) continue;
    contender.chance = chance_that_larger(contender.tail, bench.contenders.front().tail);
    contender.learns = contender.chance < SearchBench::significance;
  }
  const auto learns = [&](size_t way) { return bench.contenders[way].learns; };
  bench.proved = learns(1) && !learns(3) && !learns(4);
  bench.seconds = watch.seconds();
  return bench;
}

}  // namespace podium::bench
