#include "workflow/ingest_step.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "comm/barrier.hpp"
#include "comm/broadcast.hpp"
#include "comm/gather.hpp"
#include "core/clock.hpp"
#include "core/span_names.hpp"

namespace podium::workflow {
namespace {

using Json = nlohmann::ordered_json;

// The other ranks sleep while rank 0 reads or downloads the source.
constexpr comm::WaitPolicy for_the_decision{std::chrono::hours(24), Backoff::Kind::idle};

Json to_json(const io::Decision& decision) {
  Json json = {{"reuse", decision.reuse},          {"reason", decision.reason},
               {"path", decision.path.string()},   {"records", decision.records},
               {"bytes", decision.bytes},          {"appended", decision.appended},
               {"generation", decision.generation}};
  if (decision.plan) json["plan"] = decision.plan->to_json();
  return json;
}

IngestOutcome outcome_from_json(const Json& json) {
  IngestOutcome outcome;
  outcome.reused = json.at("reuse");
  outcome.reason = json.at("reason");
  outcome.cache = json.at("path").get<std::string>();
  outcome.records = json.at("records");
  outcome.bytes = json.at("bytes");
  outcome.appended = json.at("appended");
  outcome.generation = json.at("generation");
  return outcome;
}

uint64_t peak_rss_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<uint64_t>(usage.ru_maxrss) * 1024;
}

uint64_t largest_rss(comm::Communicator& group) {
  uint64_t largest = 0;
  for (const std::string& text : comm::gather_texts(group, std::to_string(peak_rss_bytes()), 0)) {
    largest = std::max<uint64_t>(largest, std::stoull(text));
  }
  return std::stoull(comm::broadcast_text(group, std::to_string(largest), 0));
}

}  // namespace

IngestOutcome ingest_together(const io::IngestOptions& options, comm::Communicator& group) {
  const Stopwatch watch;
  const Lane lane = options.tracer == nullptr ? Lane() : options.tracer->lane("ingest");
  const auto await_all = [&] {
    const Timed span(lane, spans::wait);
    comm::barrier(group, for_the_decision);
  };
  io::Ingest ingest(options);
  std::string decision;
  if (group.rank() == 0)
    decision = to_json(ingest.decide()).dump(-1, ' ', false, Json::error_handler_t::replace);
  await_all();
  const Json agreed = Json::parse(comm::broadcast_text(group, decision, 0));
  IngestOutcome outcome = outcome_from_json(agreed);

  if (!outcome.reused) {
    const auto plan = io::WritePlan::from_json(agreed.at("plan").get<std::string>());
    const io::ShardReport part = ingest.write_part(plan, static_cast<uint64_t>(group.rank()),
                                                   static_cast<uint64_t>(group.size()));
    await_all();
    const std::vector<std::string> texts = comm::gather_texts(group, part.to_json(), 0);
    std::vector<io::ShardReport> reports;
    for (const std::string& text : texts) reports.push_back(io::ShardReport::from_json(text));
    if (group.rank() == 0) ingest.finish(reports);
    await_all();
  }
  outcome.seconds = watch.seconds();
  outcome.peak_rss_bytes = largest_rss(group);
  return outcome;
}

}  // namespace podium::workflow
