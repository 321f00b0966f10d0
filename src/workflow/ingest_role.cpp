#include <nlohmann/json.hpp>

#include "workflow/ingest_step.hpp"
#include "workflow/role_parts.hpp"

namespace podium::workflow {

void play_ingest(const Job& job, const Log& log) {
  io::IngestOptions options = job.settings.ingest;
  options.log = log;
  options.tracer = &job.tracer;
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
