// Options of scaling studies and plans: what joins those of the other benchmarks, and plan.
#include "schema_lists.hpp"

namespace podium::schema {

using enum ValueKind;

std::vector<OptionSpec> study_options() {
  return {
      {"bench.ranks", text, "",
       "bench scaling: numbers of ranks that train, by commas; empty: 1, 2, 4, ... and all"},
      {"bench.mode",
       text,
       "strong",
       "bench scaling: train.batch is that of all ranks together, or of each",
       {"strong", "weak"}},
      {"bench.from", text, "",
       "bench scaling: CSV files of other jobs, by commas, that are put together instead of "
       "measuring"},
      {"bench.syncs", text, "allreduce,bsp,ssp,asp",
       "bench sync: ways to train: allreduce, and by parameter servers bsp, ssp, asp"},
      {"plan.nodes", integer, "1", "nodes of the job", {}, 1, 65536},
      {"plan.ranks_per_node", integer, "1", "ranks on each", {}, 1, 1024},
      {"plan.mode",
       text,
       "strong",
       "train.batch is that of all ranks together, or of each",
       {"strong", "weak"}},
      {"plan.step_ms", text, "",
       "what one rank computes on its share of a step, ms, by commas for each model; empty: "
       "measured on this machine"},
      {"plan.bandwidth_gb_s",
       real,
       "12.5",
       "of a link between nodes, one way, GB/s",
       {},
       0.001,
       100000},
      {"plan.latency_us", real, "2.5", "of a message between nodes, us", {}, 0, 1000000},
  };
}

}  // namespace podium::schema
