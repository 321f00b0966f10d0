// MemoBook: what the steps of a run folder decided about their memos: done, or reused, why, and
// what that took or saved. `podium inspect memo` shows it.
//
//   RUN/memo.jsonl, a line for each decision:
//   {"time":UTC,"step":"train cnn","reused":bool,"reason":TEXT,"seconds":S,"saved_s":S}
//
// `saved_s` is what the step took when it was last done; 0 where that is not known. Several
// processes may write at once. Free functions.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "core/log.hpp"

namespace podium::workflow {

struct MemoDecision {
  std::string time;  // UTC; filled in
  std::string step;  // "ingest", "train cnn", "select"
  bool reused = false;
  std::string reason;  // one sentence
  double seconds = 0;  // that the step took, or to find that it need not be done
  double saved_s = 0;  // filled in
};

// Fills in time and saved_s, and adds a line. Nothing in a run folder that is not there; a file
// that cannot be written costs a warning.
void note_decision(const std::filesystem::path& run_dir, MemoDecision decision, const Log& log);

// All of them, oldest first; none where there is no file. Lines that are none are passed over.
// Throws io_error.
std::vector<MemoDecision> memo_decisions(const std::filesystem::path& run_dir);

// The last one of each step, in the order of their first ones, as a table for people and as the
// value of PODIUM_RESULT.
std::string memo_table(const std::vector<MemoDecision>& decisions);
nlohmann::ordered_json memo_result(const std::vector<MemoDecision>& decisions);

}  // namespace podium::workflow
