// RunData: all that a report reads of one run folder, as one JSON value that its page embeds.
//
//   {"name", "folder", "state", "config": {"section.key": "value"}, "events": [metrics.jsonl],
//    "memo": [memo.jsonl], "evaluation": {"cnn-test": {...}}, "comparison": {...} or null,
//    "logs": {"rank-0.log": [lines]}, "damaged": parts that could not be read,
//    "left_out": {"kind": events of which only some are kept}}
//
// A run folder that is used again appends: what counts is its last job, and the epochs of earlier
// ones that it goes on from. Sections read by Places, which know where in the page's data they are.
// Values for one thread; a Place is valid as long as its RunData stays where it is.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "report/place.hpp"

namespace podium::report {

struct RunData {
  std::filesystem::path folder;
  std::string name;  // what the page calls it
  size_t index = 0;  // among the runs of the page
  Json data;
  size_t last_job = 0;  // the first of its events

  Place place() const { return {&data, "/runs/" + std::to_string(index)}; }
  Place operator[](const char* key) const { return place()[key]; }

  // The events of one kind by all jobs of the folder, oldest first.
  std::vector<Place> events(std::string_view kind) const;
  // The last one of the last job; empty if it has none.
  Place last(std::string_view kind) const;
  // The value of the last job's PODIUM_RESULT; empty unless it has ended.
  Place result() const { return last("ended")["result"]; }
  // "run", "train" ...; "run" where nobody says.
  std::string verb() const;
  // When the last event came, in seconds since the start of the last job; empty if there is none.
  Place last_time() const;
};

// What a run folder says of one model.
struct ModelView {
  std::string name;
  Place metrics;        // name, parameters, val_accuracy, ...
  Place test_accuracy;  // may be empty, as the next ones
  Place done_s;         // since the start of the job
  std::vector<Place> epochs;
  bool selected = false;
};

// In the order in which they were finished, then those that were not, of which the metrics are
// those of their last epoch.
std::vector<ModelView> models_of(const RunData& run);

// Reads a run folder. Throws usage_error where there is no folder, data_error where it holds
// nothing of a run, io_error.
RunData read_run(const std::filesystem::path& folder);

// Several, with names that differ. Throws as read_run().
std::vector<RunData> read_runs(const std::vector<std::filesystem::path>& folders);

}  // namespace podium::report
