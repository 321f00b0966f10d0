// What `podium bench search` shows: that the controller learns which networks are good.
//
// On a table of all networks of a small space (search_table.hpp) each method searches many times,
// from different seeds. A network's reward is the accuracy of one of its trainings, drawn anew each
// time. What counts is the mean reward of the last fifth of a search's samples, one number a seed,
// and whether it is larger than that of random search: by the exact test of Mann & Whitney,
// one-sided. The best network found is told, but proves nothing: random search finds good ones too.
//
// Two controls must fail to learn: a controller with learning rate 0, and one that is told, for
// each of its samples, the reward of another network.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "bench/search_table.hpp"
#include "core/log.hpp"
#include "search/method.hpp"

namespace podium::bench {

struct SearchBenchOptions {
  search::MethodOptions method;  // all but its name and seed
  double lr = 0.01;              // of reinforce
  int seeds = 20;                // searches of each method
  int samples = 500;             // networks of one search; 10 or more
  int children = 4;              // samples between two steps of a method
  Log log;
};

// One way to search, from all seeds. Curves have one value for each twentieth of the samples, means
// over the seeds.
struct SearchContender {
  std::string what;
  std::vector<double> tail;       // a seed: mean reward of the last fifth of the samples
  std::vector<double> best;       // a seed: the largest reward seen
  std::vector<double> best_rank;  // a seed: of the network it came from, among all; 1 is the best
  std::vector<double> regret;  // a seed: how far the last fifth is below the best network, in the
                               // mean over all trainings
  std::vector<double> best_regret;  // the same of the network with the largest reward seen
  std::vector<double> reward_curve;
  std::vector<double> entropy_curve;  // nats
  double chance = 1;                  // that its tail is larger than random's, were it not better
  bool learns = false;                // chance < significance

  double mean_tail() const;
};

struct SearchBench {
  static constexpr double significance = 0.01;

  size_t networks = 0;
  double best_accuracy = 0;  // mean over the trainings of the best network
  double mean_accuracy = 0;  // of all networks
  double worst_accuracy = 0;
  double seconds = 0;
  std::vector<SearchContender> contenders;  // reinforce, evolution, random, and the two controls
  bool proved = false;                      // reinforce learns, and neither control does
};

// Throws data_error for an unfinished table, and what methods throw.
SearchBench bench_search(const SearchTable& table, const SearchBenchOptions& options);

std::string to_text(const SearchBench& bench);
nlohmann::ordered_json to_json(const SearchBench& bench);  // its rows

}  // namespace podium::bench
