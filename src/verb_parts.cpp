#include "verb_parts.hpp"

#include <nlohmann/json.hpp>

#include "core/text.hpp"
#include "standard_output.hpp"
#include "workflow/job_view.hpp"
#include "workflow/memo_book.hpp"

namespace podium {

void print_table(const VerbContext& context, const std::string& table) {
  if (context.config.boolean("quiet")) return;
  context.console.aside([&] { print("\n" + table + "\n"); });
}

void print_result(const VerbContext& context, const nlohmann::ordered_json& result) {
  using Json = nlohmann::ordered_json;
  context.console.close();  // the last picture was drawn
  print("PODIUM_RESULT " + result.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
  context.metrics.write({{"event", "ended"}, {"verb", result.at("verb")}, {"result", result}});
}

std::unique_ptr<comm::Communicator> everyone(const VerbContext& context, const char* name) {
  std::unique_ptr<comm::Communicator> group = context.mpi.world(name);
  group->set_policy({context.settings.comm_timeout, Backoff::Kind::hot});
  return group;
}

workflow::IngestOutcome ingest(const VerbContext& context, comm::Communicator& group,
                               io::IngestOptions options) {
  options.log = context.log;
  options.tracer = &context.tracer;
  options.on_advance = [&](uint64_t done, uint64_t total) {
    context.board.bar("ingest", "ingest", workflow::ingest_advance(done, total));
  };
  const workflow::IngestOutcome outcome = workflow::ingest_together(options, group);
  if (group.rank() == 0) {
    const char* done = outcome.reused ? "reused: " : outcome.appended > 0 ? "" : "built: ";
    context.board.finish("ingest", "");
    context.log.info(std::string("ingest: ") + done + outcome.reason);
    context.log.info(format("ingest: %llu records in %s after %.2f s",
                            static_cast<unsigned long long>(outcome.records), outcome.cache.c_str(),
                            outcome.seconds));
    workflow::note_decision(context.settings.run_dir,
                            {"", "ingest", outcome.reused, outcome.reason, outcome.seconds},
                            context.log);
  }
  return outcome;
}

workflow::IngestOutcome ingest(const VerbContext& context, comm::Communicator& group) {
  return ingest(context, group, context.settings.ingest);
}

}  // namespace podium
