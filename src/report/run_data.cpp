#include "report/run_data.hpp"

#include <algorithm>
#include <map>

#include "core/error.hpp"
#include "io/files/file_lock.hpp"
#include "report/run_files.hpp"

namespace podium::report {
namespace {

namespace fs = std::filesystem;

// Of one kind; more are thinned out evenly.
constexpr size_t most_events = 500;
// Events of one job are written in order, but for the moments that several ranks need to write.
constexpr double disorder_s = 0.25;

std::string kind_of(const Json& event) {
  return event.contains("event") && event["event"].is_string() ? event["event"].get<std::string>()
                                                               : "";
}

double time_of(const Json& event) {
  return event.contains("t_s") && event["t_s"].is_number() ? event["t_s"].get<double>() : 0;
}

// Whether `event` is the first of another job than the one of `before`.
bool begins_job(const Json& event, const Json& before) {
  return kind_of(event) == "started" || kind_of(before) == "ended" ||
         (kind_of(event) != "failed" && time_of(event) < time_of(before) - disorder_s);
}

size_t first_of_last_job(const Json& events) {
  size_t first = 0;
  for (size_t i = 1; i < events.size(); ++i) {
    if (begins_job(events[i], events[i - 1])) first = i;
  }
  return first;
}

// Of every kind no more than most_events: every second one, or third, and the last.
Json thinned(const Json& events, Json* left_out) {
  std::map<std::string, size_t> totals;
  for (const Json& event : events) ++totals[kind_of(event)];
  std::map<std::string, size_t> seen;
  Json kept = Json::array();
  for (const Json& event : events) {
    const std::string kind = kind_of(event);
    const size_t total = totals[kind];
    const size_t stride = (total + most_events - 1) / most_events;
    const size_t place = ++seen[kind];
    if (place % stride == 0 || place == total) {
      kept.push_back(event);
    } else {
      (*left_out)[kind] = left_out->value(kind, size_t{0}) + 1;
    }
  }
  return kept;
}

// Whether a job that trains holds the folder's lock.
bool is_locked(const fs::path& folder) {
  std::error_code none;
  if (!fs::exists(folder / "lock", none)) return false;
  try {
    const io::FileLock lock(folder / "lock", std::chrono::milliseconds(0), {},
                            io::FileLock::Kind::shared);
    return false;
  } catch (const Error& error) {
    return error.code() == ExitCode::unavailable;
  }
}

// What is known about the end of the last job.
std::string state_of(const RunData& run) {
  const Place ended = run.last("ended");
  if (run.last("failed")) return "failed";
  if (ended) return run.result()["stopped_early"].truth() ? "stopped" : "ended";
  if (is_locked(run.folder)) return "running";
  return run.data["events"].empty() ? "unknown" : "unfinished";
}

// `count` last parts of the path.
std::string path_end(const fs::path& folder, int count) {
  fs::path end;
  fs::path rest = fs::absolute(folder).lexically_normal();
  if (!rest.has_filename()) rest = rest.parent_path();
  for (int i = 0; i < count && rest.has_filename(); ++i, rest = rest.parent_path()) {
    end = end.empty() ? rest.filename() : rest.filename() / end;
  }
  return end.empty() ? folder.string() : end.string();
}

void name_runs(std::vector<RunData>* runs) {
  for (int parts = 1; parts <= 4; ++parts) {
    std::map<std::string, int> uses;
    for (RunData& run : *runs) ++uses[run.name = path_end(run.folder, parts)];
    if (std::ranges::all_of(uses, [](const auto& use) { return use.second == 1; })) break;
  }
  for (RunData& run : *runs) run.data["name"] = run.name;
}

ModelView* find(std::vector<ModelView>& models, const std::string& name) {
  const auto found = std::ranges::find(models, name, &ModelView::name);
  return found == models.end() ? nullptr : &*found;
}

ModelView& find_or_add(std::vector<ModelView>& models, const std::string& name) {
  if (ModelView* model = find(models, name)) return *model;
  models.emplace_back().name = name;
  return models.back();
}

// What the result line has: a list of models, or the keys of one.
void add_results(const RunData& run, std::vector<ModelView>* models) {
  const Place result = run.result();
  const Place list = result["models"];
  for (size_t i = 0; i < list.size(); ++i) {
    ModelView& model = find_or_add(*models, list[i]["name"].text());
    model.metrics = list[i];
    model.test_accuracy = list[i]["test_accuracy"];
  }
  if (list || !result["model"]) return;
  find_or_add(*models, result["model"].text()).metrics = result;
}

void add_events(const RunData& run, std::vector<ModelView>* models) {
  for (const Place& event : run.events("selected")) {
    ModelView& model = find_or_add(*models, event["model"]["name"].text());
    if (!model.metrics) model.metrics = event["model"];
    model.done_s = event["t_s"];
  }
  for (const Place& event : run.events("tested")) {
    ModelView& model = find_or_add(*models, event["model"].text());
    if (!model.test_accuracy) model.test_accuracy = event["test_accuracy"];
  }
  // A job that goes on from a checkpoint tells the epochs behind it once more.
  for (const Place& event : run.events("epoch")) {
    ModelView& model = find_or_add(*models, event["model"].text());
    const double epoch = event["epochs"].number_or(0);
    std::erase_if(model.epochs,
                  [&](const Place& past) { return past["epochs"].number_or(0) >= epoch; });
    model.epochs.push_back(event);
  }
}

}  // namespace

std::vector<Place> RunData::events(std::string_view kind) const {
  std::vector<Place> found;
  const Place all = (*this)["events"];
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i]["event"].text() == kind) found.push_back(all[i]);
  }
  return found;
}

Place RunData::last(std::string_view kind) const {
  const Place all = (*this)["events"];
  for (size_t i = all.size(); i > last_job; --i) {
    if (all[i - 1]["event"].text() == kind) return all[i - 1];
  }
  return {};
}

std::string RunData::verb() const {
  return result()["verb"].text(last("started")["verb"].text("run"));
}

Place RunData::last_time() const {
  const Place all = (*this)["events"];
  return all.size() == 0 ? Place() : all[all.size() - 1]["t_s"];
}

std::vector<ModelView> models_of(const RunData& run) {
  std::vector<ModelView> models;
  add_results(run, &models);
  add_events(run, &models);
  const std::string selected = run.result()["selected"].text(run.last("selected")["name"].text());
  for (ModelView& model : models) {
    if (!model.metrics && !model.epochs.empty()) model.metrics = model.epochs.back();
    model.selected = model.name == selected;
  }
  return models;
}

RunData read_run(const fs::path& folder) {
  std::error_code none;
  if (!fs::exists(folder, none)) {
    throw usage_error("there is no run folder", folder.string(), "name the folder of a run");
  }
  if (!fs::is_directory(folder, none)) {
    throw usage_error("not a folder", folder.string(), "name the folder of a run");
  }
  RunData run;
  run.folder = folder;
  JsonLinesFile events = read_json_lines(folder / "metrics.jsonl");
  JsonLinesFile memo = read_json_lines(folder / "memo.jsonl");
  JsonFolder evaluation = read_json_folder(folder / "evaluation");
  size_t damaged = events.damaged + memo.damaged + evaluation.damaged;
  Json left_out = Json::object();
  run.data = {{"name", ""},
              {"folder", fs::absolute(folder).lexically_normal().string()},
              {"state", ""},
              {"config", read_settings(folder / "config.cfg")},
              {"events", thinned(events.lines, &left_out)},
              {"memo", std::move(memo.lines)},
              {"evaluation", std::move(evaluation.documents)},
              {"comparison", read_json(folder / "comparison.json", &damaged)},
              {"logs", Json::object()},
              {"damaged", damaged},
              {"left_out", left_out}};
  if (run.data["config"].empty() && run.data["events"].empty() && run.data["evaluation"].empty() &&
      run.data["memo"].empty()) {
    throw data_error("no run has left anything here", folder.string(),
                     "name the folder of a run (--run.dir), or run one");
  }
  run.last_job = first_of_last_job(run.data["events"]);
  run.data["state"] = state_of(run);
  if (run.data["state"] != "ended") run.data["logs"] = read_log_ends(folder / "log");
  return run;
}

std::vector<RunData> read_runs(const std::vector<fs::path>& folders) {
  std::vector<RunData> runs;
  for (const fs::path& folder : folders) {
    runs.push_back(read_run(folder));
    runs.back().index = runs.size() - 1;
  }
  name_runs(&runs);
  return runs;
}

}  // namespace podium::report
