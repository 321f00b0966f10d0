// Calibration: the costs of each algorithm on this machine, measured or from a file.
//
// Measuring takes a fraction of a second: a few sums of a few sizes by each algorithm. The slowest
// rank counts, the first rank fits, and its model is everybody's.
//
// The file (docs/communication.md) keeps one entry per machine and number of ranks and nodes.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "comm/allreduce/cost_model.hpp"
#include "comm/communicator.hpp"

namespace podium::comm {

// Runs one sum of so many bytes by that algorithm.
using TrySum = std::function<void(Algorithm, size_t bytes)>;

// Collective. Fits a model for `algorithms` to timings of `try_sum`.
CostModel measure_costs(Communicator& group, const Shape& shape,
                        std::span<const Algorithm> algorithms, const TrySum& try_sum);

// The model of `file`'s entry for this machine and `shape`; empty if there is no such file or
// entry. Throws usage_error when the file is something else.
std::optional<CostModel> load_costs(const std::string& file, const Shape& shape);

// What rank 0 finds in its file, on every rank. Collective; where rank 0 cannot read the file, all
// throw.
std::optional<CostModel> share_costs(Communicator& group, const std::string& file,
                                     const Shape& shape);

// Adds or replaces that entry. Throws io_error.
void save_costs(const std::string& file, const CostModel& model);

}  // namespace podium::comm
