// `podium bench ckpt`: the checkpoint engine on all ranks of the job, or on one that plays them
// all.
#include <nlohmann/json.hpp>

#include "bench/ckpt_bench.hpp"
#include "settings.hpp"
#include "standard_output.hpp"
#include "verb_parts.hpp"
#include "verbs.hpp"

namespace podium {

ExitCode bench_ckpt_verb(const VerbContext& context) {
  bench::CkptBenchOptions options =
      ckpt_bench_options(context.config, context.settings.run_dir, context.log);
  options.engine.gpu = context.settings.device.gpu;
  const bench::CkptBench outcome = bench::bench_ckpt(context.mpi, options);
  if (context.mpi.rank() != 0) return ExitCode::done;
  print("\n" + bench::to_text(outcome) + "\n");
  if (!options.trace_folder.empty()) {
    context.log.info("the picture is in " + (options.trace_folder / "trace.svg").string() +
                     ", and in trace.json for Perfetto");
  }
  print_result({{"verb", "bench"},
                {"what", context.subject},
                {"repetitions", context.config.integer("bench.repetitions")},
                {"size_bytes", outcome.size_bytes},
                {"ranks", outcome.pods * outcome.devices},
                {"gather_metas_s", outcome.gather_s},
                {outcome.on_gpus ? "pinned_h2d_bytes_per_s" : "memcpy_bytes_per_s",
                 outcome.copy_bytes_per_s},
                {"rows", bench::to_json(outcome)}});
  return ExitCode::done;
}

}  // namespace podium
