// What the files with verbs share: the result line, a group of all ranks, the cache brought up to
// date.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "comm/communicator.hpp"
#include "verbs.hpp"
#include "workflow/ingest_step.hpp"

namespace podium {

// For a wait that lasts as long as others have work: sleeps.
inline constexpr comm::WaitPolicy patient{std::chrono::hours(24 * 365), Backoff::Kind::idle};

// A table for people, on stdout; --quiet leaves it out.
void print_table(const VerbContext& context, const std::string& table);

// Ends a verb with its figure of merit: one line on stdout, and the event `ended`.
void print_result(const VerbContext& context, const nlohmann::ordered_json& result);

// A group of all ranks, for a verb in which all play one part. Collective.
std::unique_ptr<comm::Communicator> everyone(const VerbContext& context, const char* name);

// Brings the cache up to date on all ranks and says on rank 0 what was done. Collective.
workflow::IngestOutcome ingest(const VerbContext& context, comm::Communicator& group,
                               io::IngestOptions options);
workflow::IngestOutcome ingest(const VerbContext& context, comm::Communicator& group);

}  // namespace podium
