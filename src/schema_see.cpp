// Options of what a run shows of itself: at a terminal, in its log, in its files.
#include "schema_lists.hpp"

namespace podium::schema {

using enum ValueKind;

std::vector<OptionSpec> see_options() {
  return {
      {"quiet", boolean, "false", "show only warnings, errors and the result line"},
      {"log.level", text, "info", "lines on stderr", {"error", "warning", "info", "debug"}},
      {"log.tensorboard", boolean, "false",
       "also write the curves of metrics.jsonl as event files for TensorBoard, into tensorboard/ "
       "of "
       "the run folder (docs/metrics.md)"},
      {"log.live",
       text,
       "auto",
       "the live view: auto draws it where standard output is a terminal (docs/cli.md)",
       {"auto", "always", "never"}},
      {"log.trace", boolean, "true",
       "keep what every rank did when, for trace.json in the run folder (docs/tracing.md)"},
      {"log.trace_spans",
       integer,
       "20000",
       "spans that are kept of each lane of a trace, from its start",
       {},
       1,
       100000000},
      {"log.report", boolean, "true",
       "write report.html into the run folder when a job ends (docs/cli.md)"},
      {"report.output", text, "",
       "file for the page about the runs; empty: report.html in the first of their folders"},
  };
}

}  // namespace podium::schema
