#include "bench/trace_bench.hpp"

#include <unistd.h>

#include <algorithm>

#include "bench/samples.hpp"
#include "comm/barrier.hpp"
#include "comm/broadcast.hpp"
#include "core/text.hpp"

namespace podium::bench {
namespace {

namespace fs = std::filesystem;

constexpr int64_t warm_up_steps = 20;
constexpr size_t kept_spans = 100'000'000;  // of a lane: none is left out

// That many that rank 0 takes about `seconds`, on every rank.
int64_t steps_of(GroupTraining& training, comm::Communicator& group, double seconds) {
  training.take(warm_up_steps);
  const Stretch probe = training.take(warm_up_steps);
  const double each_s = probe.seconds / static_cast<double>(probe.steps);
  const auto steps = static_cast<int64_t>(seconds / std::max(each_s, 1e-9));
  return std::stoll(comm::broadcast_text(group, std::to_string(std::max(steps, warm_up_steps)), 0));
}

double step_ms(GroupTraining& training, int64_t steps) {
  const Stretch stretch = training.take(steps);
  return stretch.seconds * 1e3 / static_cast<double>(stretch.steps);
}

Row compare(comm::Communicator& group, const io::Dataset& dataset, const train::Recipe& recipe,
            const TraceBenchOptions& options, const fs::path& folder) {
  TrainingHow how = options.how;
  how.tracer = nullptr;
  GroupTraining plain(dataset, recipe, how, group, options.log);
  const std::string process = recipe.name + " rank " + std::to_string(group.rank());
  Tracer tracer({folder, kept_spans}, {process, group.rank(), "train"}, options.log);
  how.tracer = &tracer;
  GroupTraining traced(dataset, recipe, how, group, options.log);

  const int64_t steps = steps_of(plain, group, options.seconds);
  traced.take(2 * warm_up_steps);
  Samples with;
  Samples without;
  Samples quotients;
  for (int turn = 0; turn < options.repetitions; ++turn) {
    const bool traced_first = turn % 2 == 1;
    const double first = step_ms(traced_first ? traced : plain, steps);
    const double second = step_ms(traced_first ? plain : traced, steps);
    with.add(traced_first ? first : second);
    without.add(traced_first ? second : first);
    quotients.add(traced_first ? first / second : second / first);
  }
  Row row{recipe.name, "ms a step", with.median(), with.spread()};
  row.theirs = without.median();
  row.ratio = without.median() / with.median();
  row.note = format("theirs: without a trace; turn by turn %+.2f %%, spread %.2f %%, of %lld steps",
                    100 * (quotients.median() - 1), 100 * quotients.spread(),
                    static_cast<long long>(steps));
  return row;
}

}  // namespace

std::vector<Row> bench_trace(comm::Communicator& group, const io::Dataset& dataset,
                             const TraceBenchOptions& options) {
  const fs::path made = options.folder / ("trace-" + std::to_string(::getpid()));
  if (group.rank() == 0) fs::create_directories(made);
  const fs::path folder = comm::broadcast_text(group, made.string(), 0);
  std::vector<Row> rows;
  for (const train::Recipe& recipe : options.models) {
    rows.push_back(compare(group, dataset, recipe, options, folder));
  }
  comm::barrier(group, group.policy());
  std::error_code ignored;
  if (group.rank() == 0) fs::remove_all(folder, ignored);
  return rows;
}

}  // namespace podium::bench
