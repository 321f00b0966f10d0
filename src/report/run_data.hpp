// RunData: all that a report reads of one run folder, as one JSON value that its page embeds.
//
//   {"name", "folder", "state", "config": {"section.key": "value"},
//    "defaults": {"section.key": "value"} of the keys that differ from them, "events":
//    [metrics.jsonl], "memo": [memo.jsonl], "evaluation": {"cnn-test": {...}}, "comparison": {...}
//    or null, "logs": {"rank-0.log": [lines]}, "damaged": parts that could not be read, "left_out":
//    {"kind": events of which only some are kept}}
//
// A run folder is used again, and by several jobs at once. What a page is about is the main one:
// the last that trained, searched, learnt or measured, or else the last; epochs are those of all
// jobs that it goes on from. Sections read by Places, which know where in the page's data they are.
// Values for one thread; a Place is valid as long as its RunData stays where it is.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "report/place.hpp"

namespace podium::report {

struct RunData {
  std::filesystem::path folder;
  std::string name;  // what the page calls it
  size_t index = 0;  // among the runs of the page
  Json data;
  size_t last_job = 0;           // the first event of the main job
  std::vector<size_t> own = {};  // all of its events

  Place place() const { return {&data, "/runs/" + std::to_string(index)}; }
  Place operator[](const char* key) const { return place()[key]; }

  // The events of one kind by all jobs of the folder, oldest first.
  std::vector<Place> events(std::string_view kind) const;
  // Those of the main job.
  std::vector<Place> own_events(std::string_view kind) const;
  // The last one of the main job; empty if it has none.
  Place last(std::string_view kind) const;
  // The value of the main job's PODIUM_RESULT; empty unless it has ended.
  Place result() const { return last("ended")["result"]; }
  // "run", "train" ...; "run" where nobody says.
  std::string verb() const;
  // When its last event came, in seconds since its start; empty if there is none.
  Place last_time() const;
};

// Sets own and last_job, from the events.
void find_main_job(RunData* run);

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

// What every option is when nobody sets it, by key; "model.*.lr" for all models.
using Defaults = std::map<std::string, std::string>;

// Reads a run folder. Throws usage_error where there is no folder, data_error where it holds
// nothing of a run, io_error.
RunData read_run(const std::filesystem::path& folder, const Defaults& defaults = {});

// Several, with names that differ. Throws as read_run().
std::vector<RunData> read_runs(const std::vector<std::filesystem::path>& folders,
                               const Defaults& defaults = {});

}  // namespace podium::report
