// The table of a scaling study: one row per model, mode and number of ranks, with what follows from
// it: speed-up and efficiency against the smallest number of ranks.
//
// Strong scaling shares one batch among the ranks; weak scaling gives each rank a batch of its own.
// Either way the speed is in images a second over all ranks, so that twice the ranks are at best
// twice as fast. A table travels as CSV; tables of several jobs put together are a table again.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace podium::bench {

// Where the time of the ranks went on average, as shares of the slowest one's; train/wall_time.hpp
// says what is what. The rest is the lead of ranks that were done earlier.
struct TimeShares {
  double compute = 0;
  double data_wait = 0;
  double exposed_comm = 0;
  double hidden_comm = 0;
};

struct ScalingRow {
  std::string kind = "measured";  // or "simulated"
  std::string model;
  std::string mode;  // "strong" or "weak"
  int ranks = 1;
  int threads = 1;  // of each rank
  int batch = 0;    // images of a step, over all ranks
  int repetitions = 0;
  double images_per_s = 0;        // mean
  double images_per_s_least = 0;  // of the repetitions
  double images_per_s_most = 0;
  TimeShares shares;

  // By derive().
  double speedup = 1;
  double ideal = 1;  // what speedup would be if nothing were lost

  double efficiency() const { return speedup / ideal; }
  double step_s() const { return batch / images_per_s; }
  double spread() const { return (images_per_s_most - images_per_s_least) / images_per_s; }
};

// Adds one measurement to what `row` has.
void add_measurement(ScalingRow& row, double images_per_s, const TimeShares& shares);

// Rows of equal kind, model, mode and ranks become one; all get speed-up and ideal, against the
// fewest ranks that their kind, model and mode have. Sorted by these, models in order of
// appearance.
std::vector<ScalingRow> derive(std::vector<ScalingRow> rows);

// Aligned columns with a heading, ending in a newline.
std::string to_text(const std::vector<ScalingRow>& rows);

// As the rows of other benchmarks: ours in images/s, the limit is what nothing lost would give.
nlohmann::ordered_json to_json(const std::vector<ScalingRow>& rows);

std::string to_csv(const std::vector<ScalingRow>& rows);

// Rows of a file as to_csv() writes them; derived columns are not looked at. Throws data_error that
// names `file` and the line.
std::vector<ScalingRow> parse_csv(const std::string& text, const std::string& file);

}  // namespace podium::bench
