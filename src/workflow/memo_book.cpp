#include "workflow/memo_book.hpp"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/error.hpp"
#include "core/json_lines.hpp"
#include "core/text.hpp"
#include "io/cache/memo.hpp"
#include "io/files/atomic_file.hpp"

namespace podium::workflow {
namespace {

using Json = nlohmann::ordered_json;

std::filesystem::path book(const std::filesystem::path& run_dir) {
  return run_dir / "memo.jsonl";
}

Json to_json(const MemoDecision& decision) {
  return {{"time", decision.time},       {"step", decision.step},
          {"reused", decision.reused},   {"reason", decision.reason},
          {"seconds", decision.seconds}, {"saved_s", decision.saved_s}};
}

// What the step took when it was last done.
double last_seconds(const std::vector<MemoDecision>& decisions, const std::string& step) {
  for (auto past = decisions.rbegin(); past != decisions.rend(); ++past) {
    if (past->step == step && !past->reused) return past->seconds;
  }
  return 0;
}

// All decisions about one step.
struct StepStory {
  MemoDecision last;
  double saved_s = 0;  // by all of them
};

std::vector<StepStory> stories(const std::vector<MemoDecision>& decisions) {
  std::vector<StepStory> steps;
  for (const MemoDecision& decision : decisions) {
    auto step = std::ranges::find(steps, decision.step,
                                  [](const StepStory& story) { return story.last.step; });
    if (step == steps.end()) step = steps.insert(steps.end(), StepStory{});
    step->last = decision;
    step->saved_s += decision.saved_s;
  }
  return steps;
}

}  // namespace

void note_decision(const std::filesystem::path& run_dir, MemoDecision decision, const Log& log) {
  if (!std::filesystem::is_directory(run_dir)) return;
  try {
    decision.time = io::to_utc_text(std::chrono::system_clock::now());
    if (decision.reused) {
      decision.saved_s =
          std::max(0.0, last_seconds(memo_decisions(run_dir), decision.step) - decision.seconds);
    }
    JsonLines(book(run_dir), log).write(to_json(decision));
  } catch (const Error& error) {
    log.warning(std::string("a decision is not noted: ") + error.what());
  }
}

std::vector<MemoDecision> memo_decisions(const std::filesystem::path& run_dir) {
  std::vector<MemoDecision> decisions;
  if (!std::filesystem::exists(book(run_dir))) return decisions;
  std::istringstream text(io::read_text_file(book(run_dir)));
  for (std::string line; std::getline(text, line);) {
    const Json json = Json::parse(line, nullptr, false);
    try {
      decisions.push_back({json.at("time"), json.at("step"), json.at("reused"), json.at("reason"),
                           json.at("seconds"), json.at("saved_s")});
    } catch (const Json::exception&) {
      continue;  // of a writer that was killed, or somebody else's
    }
  }
  return decisions;
}

std::string memo_table(const std::vector<MemoDecision>& decisions) {
  std::string table =
      format("%-18s %-7s %9s %9s  %-20s  %s\n", "step", "last", "took s", "saved s", "when", "why");
  for (const StepStory& step : stories(decisions)) {
    table += format("%-18s %-7s %9.2f %9.2f  %-20s  ", step.last.step.c_str(),
                    step.last.reused ? "reused" : "done", step.last.seconds, step.saved_s,
                    step.last.time.c_str()) +
             step.last.reason + "\n";
  }
  return table;
}

Json memo_result(const std::vector<MemoDecision>& decisions) {
  Json result = {{"verb", "inspect"}, {"what", "memo"}, {"saved_s", 0.0}, {"steps", Json::array()}};
  double saved_s = 0;
  for (const StepStory& step : stories(decisions)) {
    saved_s += step.saved_s;
    Json row = to_json(step.last);
    row["saved_s"] = step.saved_s;
    result["steps"].push_back(std::move(row));
  }
  result["saved_s"] = saved_s;
  return result;
}

}  // namespace podium::workflow
