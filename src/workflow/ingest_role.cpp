#include <nlohmann/json.hpp>

#include "core/clock.hpp"
#include "workflow/ingest_step.hpp"
#include "workflow/job_view.hpp"
#include "workflow/role_parts.hpp"

namespace podium::workflow {

void play_ingest(const Job& job, const Log& log) {
  io::IngestOptions options = job.settings.ingest;
  options.log = log;
  options.tracer = &job.tracer;
  Stopwatch since_told;
  if (job.ingest->rank() == 0) {
    options.on_advance = [&](uint64_t done, uint64_t total) {
      constexpr double seconds_apart = 0.25;
      if (since_told.seconds() < seconds_apart) return;
      since_told.restart();
      job.tell_conductor(advance_event("ingest", ingest_advance(done, total)));
    };
  }
  const IngestOutcome outcome = ingest_together(options, *job.ingest);
  if (job.ingest->rank() != 0) return;
  job.tell_conductor({{"event", "ingested"},
                      {"cache", outcome.cache.string()},
                      {"reused", outcome.reused},
                      {"reason", outcome.reason},
                      {"records", outcome.records},
                      {"bytes", outcome.bytes},
                      {"generation", outcome.generation},
                      {"seconds", outcome.seconds},
                      {"peak_rss_bytes", outcome.peak_rss_bytes}});
}

}  // namespace podium::workflow
