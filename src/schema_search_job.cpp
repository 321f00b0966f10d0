// Options of `podium search` beside those of its space and methods: how long, on what, how large.
#include "schema_lists.hpp"

namespace podium::schema {

using enum ValueKind;

std::vector<OptionSpec> search_job_options() {
  return {
      {"search.minutes", real, "0", "after so long a search ends; 0: after its samples", {}, 0},
      {"search.epochs", integer, "3", "passes of a child over its training records", {}, 1, 100000},
      {"search.seconds",
       real,
       "0",
       "after which a child ends where it is; 0: after its epochs",
       {},
       0},
      {"search.last_epochs",
       integer,
       "5",
       "the reward is the best validation accuracy of so many last epochs",
       {},
       1,
       100000},
      {"search.hopeless",
       real,
       "0.05",
       "a child is given up that has learnt less than this share of what there is to learn beyond "
       "guessing in a third of its epochs; 0: none",
       {},
       0,
       1},
      {"search.train_records",
       integer,
       "10000",
       "the first so many of the training split are what children train on; 0: all",
       {},
       0},
      {"search.validation_records",
       integer,
       "0",
       "the first so many of the validation split decide the reward; 0: all",
       {},
       0},
      {"search.max_mflops",
       real,
       "0",
       "networks with more MFLOP per image forward get the reward 0 untrained; 0: no limit",
       {},
       0},
      {"search.child_threads", integer, "1", "threads of a child", {}, 1, 1024},
      {"search.child_memory", bytes, "0",
       "what a child may take for a network; 0: its share of half the node's memory"},
      {"search.silence", duration, "10min",
       "a worker that has work and is silent for so long is killed and started again"},
  };
}

}  // namespace podium::schema
