// The whole job on one scale: each step, from the raw files to the last test.
#include <algorithm>
#include <ctime>
#include <functional>
#include <map>
#include <optional>

#include "picture/lanes.hpp"
#include "report/drawn.hpp"
#include "report/sections.hpp"

namespace podium::report {
namespace {

constexpr size_t most_lanes = 16;

using picture::Lane;
using picture::Stretch;

// Whether a job of this verb is all there is to see, whatever ran in its folder before.
bool is_whole(const std::string& verb) {
  return verb == "run" || verb == "search" || verb == "learn" || verb == "bench";
}

// Several jobs of a pipeline write into one folder, each with its own start.
class Jobs {
 public:
  explicit Jobs(const RunData& run) : events_(run["events"]), first_(run.last_job) {
    if (is_whole(run.verb())) return;
    for (size_t i = 0; i < events_.size(); ++i) {
      const Place event = events_[i];
      const std::string job = event["job"].text();
      if (job.empty()) continue;
      if (event["event"].text() == "started") {
        if (const auto time = seconds_of(event["time"].text())) starts_[job] = *time;
      }
      lengths_[job] = std::max(lengths_[job], event["t_s"].number_or(0));
    }
    keep_those_close_together();
    if (starts_.size() > 1) first_ = 0;
  }

  // The events of a kind, each with when it was, in seconds since the first start.
  std::vector<std::pair<Place, double>> events(std::string_view kind) const {
    std::vector<std::pair<Place, double>> found;
    for (size_t i = first_; i < events_.size(); ++i) {
      const Place event = events_[i];
      if (event["event"].text() != kind || !event["t_s"].number()) continue;
      const auto start = starts_.find(event["job"].text());
      if (start == starts_.end() && count() > 1) continue;
      const double shift = start == starts_.end() ? 0 : start->second - earliest_;
      found.emplace_back(event, shift + *event["t_s"].number());
    }
    return found;
  }

  size_t count() const { return std::max<size_t>(1, starts_.size()); }

 private:
  // "2026-11-29T01:18:25Z" in seconds.
  static std::optional<double> seconds_of(const std::string& text) {
    std::tm parts{};
    if (::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts) == nullptr) return std::nullopt;
    return static_cast<double>(::timegm(&parts));
  }

  // Jobs that ran long before the others are another story.
  void keep_those_close_together() {
    std::vector<std::pair<double, std::string>> order;
    for (const auto& [job, start] : starts_) order.emplace_back(start, job);
    std::ranges::sort(order, std::greater<>());
    double since = order.empty() ? 0 : order.front().first;
    for (const auto& [start, job] : order) {
      if (start + lengths_[job] + longest_pause_s < since) {
        starts_.erase(job);
      } else {
        since = earliest_ = start;
      }
    }
  }

  static constexpr double longest_pause_s = 900;

  Place events_;
  size_t first_;
  std::map<std::string, double> starts_;  // of jobs, in seconds of the calendar
  std::map<std::string, double> lengths_;
  double earliest_ = 0;
};

std::string lasted(const std::string& what, double seconds) {
  return what + ", " + written(seconds, As::seconds);
}

void add(std::vector<Lane>& lanes, const std::string& name, std::vector<Stretch> stretches) {
  if (!stretches.empty()) lanes.push_back({.name = name, .stretches = std::move(stretches)});
}

void add_ingest(const Jobs& jobs, std::vector<Lane>& lanes) {
  std::vector<Stretch> stretches;
  for (const auto& [event, at] : jobs.events("ingested")) {
    const double seconds = event["seconds"].number_or(0);
    stretches.push_back({at - seconds, at, "fill-other",
                         lasted(event["reused"].truth() ? "cache reused" : "ingest", seconds)});
  }
  add(lanes, "ingest", std::move(stretches));
}

// A lane for each model, a stretch for each epoch, and what came behind them up to its selection.
void add_models(const Jobs& jobs, std::vector<Lane>& lanes) {
  std::vector<std::string> order;
  std::map<std::string, std::vector<Stretch>> of_model;
  std::map<std::string, double> trained;
  for (const auto& [event, at] : jobs.events("epoch")) {
    const std::string model = event["model"].text();
    if (!of_model.contains(model)) order.push_back(model);
    const double seconds = event["wall"]["wall_s"].number_or(0);
    of_model[model].push_back(
        {at - seconds, at, "fill-train",
         lasted("epoch " + written(event["epochs"].number_or(0), As::count) + " of " + model,
                seconds)});
    trained[model] = at;
  }
  for (const auto& [event, at] : jobs.events("selected")) {
    const std::string model = event["model"]["name"].text();
    if (!trained.contains(model)) continue;
    of_model[model].push_back(
        {trained[model], at, "fill-ckpt",
         lasted("kept and compared: " + event["reason"].text(), at - trained[model])});
  }
  for (const std::string& model : order) add(lanes, "train " + model, std::move(of_model[model]));
}

void add_moves(const Jobs& jobs, std::vector<Lane>& lanes) {
  std::vector<Stretch> stretches;
  for (const auto& [event, at] : jobs.events("moved")) {
    const double seconds = event["seconds"].number_or(0) + event["gather_metas_s"].number_or(0);
    stretches.push_back({at - seconds, at, "fill-broadcast",
                         lasted("version " + written(event["version"].number_or(0), As::count) +
                                    ", " + written(event["bytes"].number_or(0), As::bytes),
                                seconds)});
  }
  add(lanes, "weights to replicas", std::move(stretches));
}

int rank_of(const Place& event) {
  return static_cast<int>(event["rank"].number_or(0));
}

// A lane for each serving rank: what it loads, and from when to when it serves.
void add_services(const Jobs& jobs, std::vector<Lane>& lanes) {
  std::map<int, std::vector<Stretch>> of_rank;
  std::map<int, double> since;
  double last = 0;
  for (const auto& [event, at] : jobs.events("replica_started")) {
    since.try_emplace(rank_of(event), at);
    of_rank.try_emplace(rank_of(event));
  }
  for (const auto& [event, at] : jobs.events("deployed")) {
    const int rank = rank_of(event);
    const double seconds = event["milliseconds"].number_or(0) / 1e3;
    since.try_emplace(rank, at);
    of_rank[rank].push_back({at - seconds, at, "fill-destination",
                             lasted("loads " + event["name"].text(), seconds), 1});
    last = std::max(last, at);
  }
  for (const char* kind : {"drained", "service", "front_door", "asked", "ended"}) {
    for (const auto& [event, at] : jobs.events(kind)) last = std::max(last, at);
  }
  for (auto& [rank, stretches] : of_rank) {
    stretches.push_back(
        {since[rank], last, "fill-inference", lasted("serves", last - since[rank]), 0});
    lanes.push_back({.name = "serve, rank " + std::to_string(rank),
                     .stretches = std::move(stretches),
                     .rows = 2});
  }
}

void add_tests(const Jobs& jobs, std::vector<Lane>& lanes) {
  double begin = -1;
  for (const char* kind : {"selected", "deployed"}) {
    for (const auto& [event, at] : jobs.events(kind)) begin = std::max(begin, at);
  }
  std::vector<Stretch> stretches;
  double end = begin;
  for (const char* kind : {"tested", "front_door", "asked"}) {
    for (const auto& [event, at] : jobs.events(kind)) end = std::max(end, at);
  }
  if (begin >= 0 && end > begin) {
    stretches.push_back({begin, end, "fill-other", lasted("tests", end - begin)});
  }
  add(lanes, "tests", std::move(stretches));
}

// When the first replica answered, and where the data say so.
std::optional<picture::Mark> first_service(const RunData& run, const Jobs& jobs) {
  auto began = jobs.events("deployed");
  if (began.empty()) began = jobs.events("replica_started");
  if (began.empty()) return std::nullopt;
  const auto& [event, at] =
      *std::ranges::min_element(began, {}, [](const auto& one) { return one.second; });
  const Place told_by_result = run.result()["time_to_first_service_s"];
  const bool same = jobs.count() == 1 && told_by_result.number();
  return picture::Mark{
      at, same || jobs.count() == 1
              ? told("first service ", same ? told_by_result : event["t_s"], As::seconds)
              : picture::Words("first service")};
}

Markup caption_of(const RunData& run, const Jobs& jobs) {
  Markup text;
  const Place total = run.result()["total_s"] ? run.result()["total_s"] : run.last_time();
  text += "The job took " + quantity(total, As::seconds);
  const Place first = run.result()["time_to_first_service_s"];
  if (first.number() && total.number_or(0) > 0) {
    text += ", and its first model served after " + quantity(first, As::seconds);
  }
  text += jobs.count() > 1 ? ". Several jobs wrote into this folder; time counts from the start of "
                             "the first one, to the second."
                           : ".";
  return text;
}

std::vector<picture::Meaning> legend_of(const std::vector<Lane>& lanes) {
  const std::vector<picture::Meaning> all = {
      {"fill-train", "an epoch"},           {"fill-ckpt", "kept and compared"},
      {"fill-broadcast", "weights travel"}, {"fill-destination", "a replica loads"},
      {"fill-inference", "serves"},         {"fill-other", "ingest, tests"}};
  std::vector<picture::Meaning> used;
  for (const picture::Meaning& meaning : all) {
    const bool found = std::ranges::any_of(lanes, [&](const Lane& lane) {
      return std::ranges::count(lane.stretches, meaning.kind, &Stretch::kind) > 0;
    });
    if (found) used.push_back(meaning);
  }
  return used;
}

Markup lanes_of_run(const RunData& run, Page&) {
  const Jobs jobs(run);
  picture::LanesPicture picture;
  add_ingest(jobs, picture.lanes);
  add_models(jobs, picture.lanes);
  add_moves(jobs, picture.lanes);
  add_services(jobs, picture.lanes);
  add_tests(jobs, picture.lanes);
  if (picture.lanes.size() < 2) return {};
  picture.about = {name_of(run, "lanes"), "The steps of " + run.name,
                   "A lane for each step, time from left to right."};
  picture.unit = "s";
  picture.legend = legend_of(picture.lanes);
  if (const auto mark = first_service(run, jobs)) picture.marks.push_back(*mark);
  picture::span_all(picture, true);
  picture::fold(picture.lanes, most_lanes);
  return figure(drawing(picture::draw(picture)), caption_of(run, jobs));
}

}  // namespace

void run_lanes_section(const std::vector<RunData>& runs, Page& page) {
  section_of_each(runs, page, "steps", "Step by step", lanes_of_run);
}

}  // namespace podium::report
