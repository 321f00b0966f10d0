// StepMemo: what a finished step came of and left, so that it is not done again while both are as
// they were.
//
//   RUN/memo/STEP.json: {"identity":{WHAT:VALUE},"result":{...},"files":{PATH:XXH3},"seal":XXH3}
//
// `identity` is all that decides what the step comes to, under the words by which people are told
// what differs: "model", "images", "configuration". The program that ran is added. Models in
// training have a memo of their own (training_memo.hpp). Free functions.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/log.hpp"
#include "workflow/settings.hpp"

namespace podium::workflow {

using Json = nlohmann::ordered_json;

struct Step {
  std::string name;              // "export"
  std::filesystem::path output;  // tells apart steps of one name; empty: there is one
  Json identity;
};

struct RecalledStep {
  std::optional<Json> result;  // of the step that need not be done
  std::string reason;          // one sentence for people
};

// Of the executable's bytes: after a change of the code, results may differ.
std::string program_xxh3();

// Of the file's, or of a folder's files' names and bytes. Throws io_error.
std::string content_xxh3(const std::filesystem::path& place);

// The first word of `now` under which `then` has another value, for the most important first; of an
// object in it, "WORD: KEY". Empty if nothing differs.
std::string first_difference(const Json& then, const Json& now);

// Whether --memo allows it, the step was done before, with this identity, and its files are what it
// wrote.
RecalledStep recall_step(const Settings& settings, const Step& step);

// Keeps what was done for the next time. Nothing in a run folder that is not there; a file that
// cannot be written costs a warning.
void keep_step(const Settings& settings, const Step& step, const Json& result,
               const std::vector<std::filesystem::path>& files, const Log& log);

// Says what was decided, and notes it in the run folder's memo book.
void tell_step(const Settings& settings, const Step& step, const RecalledStep& recalled,
               double seconds, const Log& log);

}  // namespace podium::workflow
