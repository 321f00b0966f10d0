// Options of architecture search: what is searched, and by which method.
#include "schema_lists.hpp"

namespace podium::schema {

using enum ValueKind;

std::vector<OptionSpec> search_options() {
  return {
      {"search.method",
       text,
       "reinforce",
       "who chooses what is tried next",
       {"reinforce", "random", "evolution"}},
      {"search.space", text,
       "conv 16 3 stride 2; bn; relu; repeat 4 { conv {8|16|24|32} {1|3|5}; bn; anchor }; gap; "
       "dense classes",
       "networks to choose from: architecture text with {a|b|c} and anchor (docs/search.md)"},
      {"search.samples", integer, "500", "networks that are tried", {}, 1, 10000000},
      {"search.seed", integer, "1", "seed of what is tried, and of the controller's parameters"},
      {"search.lr", real, "0.01", "reinforce: learning rate of Adam", {}, 0, 1000},
      {"search.units", integer, "35", "reinforce: units of a layer of the controller", {}, 1, 1024},
      {"search.layers", integer, "2", "reinforce: layers of the controller", {}, 1, 8},
      {"search.tanh",
       real,
       "2.5",
       "reinforce: tanh constant, the largest size of a logit; 0: none",
       {},
       0,
       1000},
      {"search.temperature",
       real,
       "1",
       "reinforce: what logits are divided by; above 1 choices are more alike",
       {},
       0.001,
       1000},
      {"search.entropy",
       real,
       "0",
       "reinforce: weight of the choices' entropy beside the reward",
       {},
       0,
       1000},
      {"search.baseline",
       real,
       "0.8",
       "reinforce: weight of the past in the moving average that rewards are compared with",
       {},
       0,
       0.9999},
      {"search.reward",
       text,
       "cubed",
       "reinforce: the reward is the accuracy, or its cube",
       {"plain", "cubed"}},
      {"search.population", integer, "50", "evolution: networks of the population", {}, 2, 100000},
      {"search.tournament",
       integer,
       "10",
       "evolution: members of which the best has a child",
       {},
       1,
       100000},
  };
}

// Of bench search.
std::vector<OptionSpec> search_bench_options() {
  return {
      {"bench.table", text, "bench/tables/search_fashion_mnist.h5",
       "bench search: file with the accuracies of all networks of a small space"},
      {"bench.make_table", text, "",
       "bench search: trains these networks and writes that file, or goes on with it; then "
       "measures"},
      {"bench.seeds", integer, "20", "bench search: searches by each method", {}, 2, 100},
      {"bench.children",
       integer,
       "4",
       "bench search: networks tried between two steps of a method",
       {},
       1,
       1024},
  };
}

}  // namespace podium::schema
