#include "report/run_data.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
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
// What a page is about, where there is any of them.
constexpr std::array<std::string_view, 5> main_verbs = {"run", "train", "search", "learn", "bench"};

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

// A job by its events, oldest first.
using Job = std::vector<size_t>;

// Events name their job, or, of an older release, follow each other job by job.
std::vector<Job> jobs_of(const Json& events) {
  std::vector<Job> jobs;
  std::map<std::string, size_t> named;
  for (size_t i = 0; i < events.size(); ++i) {
    const std::string name = Place(&events[i], "")["job"].text();
    const bool known = !name.empty() && named.contains(name);
    const bool goes_on = name.empty() && !jobs.empty() && !begins_job(events[i], events[i - 1]);
    if (!known && !goes_on) jobs.emplace_back();
    if (!known && !name.empty()) named[name] = jobs.size() - 1;
    jobs[known ? named[name] : jobs.size() - 1].push_back(i);
  }
  return jobs;
}

// "run", "train" ...; "run" where nobody says.
std::string verb_of(const Json& events, const Job& job) {
  for (const size_t i : job) {
    const Place event(&events[i], "");
    const std::string verb = event["verb"].text(event["result"]["verb"].text());
    if (!verb.empty()) return verb;
  }
  return "run";
}

Job main_job(const Json& events) {
  const std::vector<Job> jobs = jobs_of(events);
  for (size_t i = jobs.size(); i > 0; --i) {
    const std::string verb = verb_of(events, jobs[i - 1]);
    if (std::ranges::count(main_verbs, verb) > 0) return jobs[i - 1];
  }
  return jobs.empty() ? Job{} : jobs.back();
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

// "model.cnn.lr" as the schema has it, "model.*.lr"; other keys unchanged.
std::string schema_key(const std::string& key) {
  const size_t dot = key.rfind('.');
  return key.starts_with("model.") && dot > 5 ? "model.*" + key.substr(dot) : key;
}

// The defaults of the keys that are set to something else.
Json changed_defaults(const Json& config, const Defaults& defaults) {
  Json changed = Json::object();
  for (const auto& [key, value] : config.items()) {
    const auto usual = defaults.find(schema_key(key));
    if (usual != defaults.end() && value != usual->second) changed[key] = usual->second;
  }
  return changed;
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

// What is known about the end of the main job.
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

// What a result line has: a list of models, or the keys of one.
void add_result(const Place& result, std::vector<ModelView>* models) {
  const Place list = result["models"];
  for (size_t i = 0; i < list.size(); ++i) {
    ModelView& model = find_or_add(*models, list[i]["name"].text());
    // `select` tells less of a model than the job that trained it.
    if (!model.metrics["wall_by_rank"] || list[i]["wall_by_rank"]) model.metrics = list[i];
    model.test_accuracy = list[i]["test_accuracy"];
  }
  // What `learn` names is the file of its policy.
  if (list || !result["model"] || result["environment"]) return;
  find_or_add(*models, result["model"].text()).metrics = result;
}

// Of a `run` that has ended, its models; else those of all jobs of the folder.
void add_results(const RunData& run, std::vector<ModelView>* models) {
  if (run.result()["models"]) return add_result(run.result(), models);
  for (const Place& ended : run.events("ended")) add_result(ended["result"], models);
}

void add_events(const RunData& run, std::vector<ModelView>* models) {
  for (const Place& event : run.events("selected")) {
    ModelView& model = find_or_add(*models, event["model"]["name"].text());
    if (!model.metrics) model.metrics = event["model"];
  }
  // Since the start of the main job; others began at other times.
  for (const Place& event : run.own_events("selected")) {
    find_or_add(*models, event["model"]["name"].text()).done_s = event["t_s"];
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

// The name of the published model; empty if nobody says.
std::string selected_of(const RunData& run) {
  std::string name = run["comparison"]["selected"].text();
  for (const Place& event : run.events("selected")) name = event["name"].text(name);
  for (const Place& event : run.events("ended")) name = event["result"]["selected"].text(name);
  return name;
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

std::vector<Place> RunData::own_events(std::string_view kind) const {
  std::vector<Place> found;
  for (const size_t i : own) {
    const Place event = (*this)["events"][i];
    if (event["event"].text() == kind) found.push_back(event);
  }
  return found;
}

Place RunData::last(std::string_view kind) const {
  const std::vector<Place> found = own_events(kind);
  return found.empty() ? Place() : found.back();
}

std::string RunData::verb() const {
  return verb_of(data["events"], own);
}

Place RunData::last_time() const {
  return own.empty() ? Place() : (*this)["events"][own.back()]["t_s"];
}

std::vector<ModelView> models_of(const RunData& run) {
  std::vector<ModelView> models;
  add_results(run, &models);
  add_events(run, &models);
  const std::string selected = selected_of(run);
  for (ModelView& model : models) {
    if (!model.metrics && !model.epochs.empty()) model.metrics = model.epochs.back();
    model.selected = model.name == selected;
  }
  return models;
}

void find_main_job(RunData* run) {
  run->own = main_job(run->data["events"]);
  run->last_job = run->own.empty() ? 0 : run->own.front();
}

RunData read_run(const fs::path& folder, const Defaults& defaults) {
  std::error_code none;
  if (!fs::exists(folder, none)) {
    throw usage_error("there is no run folder", folder.string(), "name the folder of a run");
  }
  if (!fs::is_directory(folder, none)) {
    throw usage_error("not a folder", folder.string(), "name the folder of a run");
  }
  if (access(folder.c_str(), X_OK) != 0) {
    throw io_error("cannot look into the folder", folder.string(), errno);
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
              {"defaults", Json::object()},
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
  run.data["defaults"] = changed_defaults(run.data["config"], defaults);
  find_main_job(&run);
  run.data["state"] = state_of(run);
  if (run.data["state"] != "ended") run.data["logs"] = read_log_ends(folder / "log");
  return run;
}

std::vector<RunData> read_runs(const std::vector<fs::path>& folders, const Defaults& defaults) {
  std::vector<RunData> runs;
  for (const fs::path& folder : folders) {
    runs.push_back(read_run(folder, defaults));
    runs.back().index = runs.size() - 1;
  }
  name_runs(&runs);
  return runs;
}

}  // namespace podium::report
