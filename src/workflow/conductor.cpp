#include "workflow/conductor.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <filesystem>

#include "ckpt/registry.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "io/loader/dataset.hpp"
#include "train/recipe_check.hpp"
#include "workflow/front_door_test.hpp"
#include "workflow/memo_book.hpp"
#include "workflow/serve_step.hpp"
#include "workflow/training_step.hpp"

namespace podium::workflow {
namespace {

// Of a test accuracy: other batches may round otherwise, which one image in some thousands notices.
constexpr double rounding_tolerance = 5e-4;

std::string text_of(const Json& event, const char* key) {
  return event.at(key).get<std::string>();
}

}  // namespace

Conductor::Conductor(const Job& job, const Stopwatch& started, Log log, Show show,
                     MetricsLog& metrics, Board& board)
    : job_(job),
      started_(started),
      log_(std::move(log)),
      show_(std::move(show)),
      metrics_(metrics),
      view_(job, board),
      models_left_(job.settings.recipes.size()),
      deployed_version_(static_cast<size_t>(job.layout.world_size())) {
  for (const Role role : all_roles) roles_left_ += job.layout.ranks(role).size();
}

Summary Conductor::conduct() {
  ingest();
  train_and_deploy();
  if (!stop_asked_) test();
  summary_.total_s = started_.seconds();
  show_(summary_);
  const Stopwatch lingering;
  if (!stop_asked_) linger();
  const double lingered_s = lingering.seconds();
  drain();
  summary_.total_s = started_.seconds() - lingered_s;
  return summary_;
}

void Conductor::ingest() {
  const size_t serving_ranks = job_.layout.ranks(Role::serve).size();
  while (cache_.empty() || serving_ranks_up_ < serving_ranks) handle_next_event();
  serve_published();
}

void Conductor::train_and_deploy() {
  if (stop_asked_) return stop_training();
  order(Role::train, {{"order", "train"}, {"cache", cache_}, {"generation", generation_}});
  while (models_left_ > 0 || !deployed_everywhere()) {
    handle_next_event();
    if (stop_asked_ && models_left_ > 0) return stop_training();
  }
}

void Conductor::stop_training() {
  summary_.stopped_early = true;
  order(Role::train, {{"order", "stop"}});
  while (groups_stopped_ < job_.groups.ranks.size()) handle_next_event();
  trainers_wait_ = false;
}

// Selection is over: the test split is touched once, by the trainers for every model and through
// the front door for the published one. The serving rank knocks at its own door: it may be on
// another node, and listen there on loopback only. A trainer knocks after it, over MPI.
void Conductor::test() {
  tests_left_ = summary_.models.size();
  order(Role::train, {{"order", "test"}, {"asker", asker()}});
  trainers_wait_ = false;
  while (tests_left_ > 0) handle_next_event();

  const int server = job_.layout.ranks(Role::serve).front();
  job_.control.send(server, Mailbox::serve, {{"order", "test"}, {"cache", cache_}});
  while (summary_.front_door.empty()) handle_next_event();
  if (asker() < 0) return;
  job_.control.send(asker(), Mailbox::train, {{"order", "ask"}, {"server", server}});
  while (!summary_.front_door.contains("ranks")) handle_next_event();
}

void Conductor::linger() {
  const Settings& settings = job_.settings;
  if (!settings.linger_forever && settings.linger.count() == 0) return;
  log_.info("serving on " + url_of(settings, summary_.address) + "/v2/models/" +
            settings.service.model_name +
            (settings.linger_forever ? " until Ctrl-C or SIGTERM"
                                     : " for " + std::to_string(settings.linger.count()) +
                                           " s, or until Ctrl-C or SIGTERM"));
  const Deadline end(settings.linger);
  Backoff backoff(Backoff::Kind::idle);
  while (!stop_asked_ && (settings.linger_forever || !end.expired())) {
    if (const auto event = job_.control.try_receive(Mailbox::conductor)) {
      handle(*event);
    } else {
      backoff.pause();
    }
  }
}

void Conductor::drain() {
  order(Role::serve, {{"order", "drain"}});
  while (serving_ranks_drained_ < job_.layout.ranks(Role::serve).size()) handle_next_event();
  if (trainers_wait_) order(Role::train, {{"order", "end"}});
  order(Role::ckpt, {{"order", "end"}});
  while (roles_left_ > 0) handle_next_event();
}

void Conductor::handle_next_event() {
  handle(job_.control.receive(Mailbox::conductor));
}

void Conductor::handle(const Json& event) {
  view_.note(event);
  const std::string kind = text_of(event, "event");
  if (kind == "advance") return;
  record(event);
  if (kind == "ingested") on_ingested(event);
  if (kind == "epoch") log_.info(text_of(event, "line"));
  if (kind == "selected") on_selected(event);
  if (kind == "stopped") ++groups_stopped_;
  if (kind == "deployed") on_deployed(event);
  if (kind == "front_door") on_front_door(event);
  if (kind == "asked") on_asked(event);
  if (kind == "left") --roles_left_;
  if (kind == "drained") on_drained(event);
  if (kind == "signal") on_signal(event);
  if (kind == "time_limit") on_time_limit();
  if (kind == "memory_cache") on_memory_cache(event);
  if (kind == "moved") on_moved(event);
  if (kind == "serving") {
    serving_nodes_[event.at("rank").get<int>()] = text_of(event, "node");
    ++serving_ranks_up_;
    if (summary_.address.empty()) summary_.address = text_of(event, "address");
    log_.info("front door on " + url_of(job_.settings, text_of(event, "address")) +
              ", ready with the first model");
  }
  if (kind == "tested") on_tested(event);
}

// What an earlier run published on the same data serves from the start, until a better model is
// finished. Accuracies on other data do not compare: then the comparison starts over.
void Conductor::serve_published() {
  ckpt::Registry registry(job_.settings.registry_dir());
  try {
    const std::optional<ckpt::Registry::Version> current = registry.current();
    if (!current) return;
    const std::string version = format("version %d (%s)", current->number, current->name.c_str());
    const ckpt::Snapshot snapshot = ckpt::read_snapshot(current->path);
    const io::Dataset dataset = io::Dataset::open(cache_, {.memory_bytes = 0});
    if (snapshot.card.value("dataset", Json()) == data_identity(dataset.info(), job_.settings)) {
      log_.info("select: " + version + " of an earlier run serves until a better one is finished");
      newest_version_ = summary_.version = current->number;
      summary_.selected = current->name;
      deploy({{"version", current->number},
              {"path", current->path.string()},
              {"name", current->name}});
      return;
    }
    log_.info("select: " + version + " is of other data: the comparison starts over");
  } catch (const Error& error) {
    if (error.code() != ExitCode::bad_data) throw;
    log_.warning(
        std::string("the published version cannot be served, the comparison starts over: ") +
        error.what());
  }
  registry.start_over();
}

void Conductor::on_ingested(const Json& event) {
  cache_ = text_of(event, "cache");
  generation_ = event.at("generation");
  log_.info(format("ingest: %s in %.2f s: ", event.at("reused").get<bool>() ? "reused" : "built",
                   event.at("seconds").get<double>()) +
            text_of(event, "reason"));
  note_decision(job_.settings.run_dir,
                {"", "ingest", event.at("reused"), text_of(event, "reason"), event.at("seconds")},
                log_);
  check_recipes();
}

// A model that cannot be trained ends the job here, not once the models before it are trained. What
// the trainers' devices can do they check themselves.
void Conductor::check_recipes() const {
  const io::Dataset dataset =
      io::Dataset::open(cache_, {.memory_bytes = 0, .generation = generation_});
  for (size_t model = 0; model < job_.settings.recipes.size(); ++model) {
    for (size_t group = 0; group < job_.groups.work.size(); ++group) {
      if (std::ranges::count(job_.groups.work[group], model) == 0) continue;
      train::check_fit(job_.settings.recipes[model], {dataset, job_.groups.ranks[group].size()});
    }
  }
}

void Conductor::on_selected(const Json& event) {
  --models_left_;
  summary_.models.push_back({event.at("model"), -1, started_.seconds()});
  log_.info("select: " + text_of(event, "reason"));
  const int version = event.at("version");
  // What another ckpt rank has published meanwhile, its own event tells.
  if (!event.at("published").get<bool>() || version <= newest_version_) {
    return order(Role::ckpt, {{"order", "drop"},
                              {"version", version},
                              {"published", event.at("published")},
                              {"owner", event.at("owner")},
                              {"model", event.at("model").at("name")}});
  }
  newest_version_ = version;
  summary_.version = version;
  summary_.published_here = true;
  summary_.selected = text_of(event, "name");
  deploy(event);
}

void Conductor::on_tested(const Json& event) {
  --tests_left_;
  const std::string name = text_of(event, "model");
  ModelSummary* model = summary_.find(name);
  if (model == nullptr) return;
  model->test_accuracy = event.at("test_accuracy");
  model->test = evaluation_from_json(event.at("evaluation"), "test of model '" + name + "'");
  const Json about = {{"weights_xxh3", model->metrics.at("weights_xxh3")},
                      {"data", event.at("data")}};
  write_evaluation(job_.settings.run_dir, name, "test", about, *model->test,
                   {{"mistakes", event.at("mistakes")}});
}

void Conductor::on_memory_cache(const Json& event) {
  const Json& report = event.at("report");
  log_.info(memory_cache_line(report));
  for (const auto& [key, value] : report.items()) {
    const Json before = summary_.memory_cache.value(key, Json(0));
    summary_.memory_cache[key] = before.get<double>() + value.get<double>();
  }
}

// Replicas take a version that was published in this job from the ckpt ranks, those of a node at
// the gates there in turn; where there is no gate, from point to point.
void Conductor::deploy(const Json& selected) {
  const Json engine = selected.value("engine", Json());
  Json move = {{"order", "move"}, {"version", selected.at("version")}, {"workers", Json::object()}};
  for (const auto& [rank, node] : serving_nodes_) {
    Json deploy = {{"order", "deploy"},
                   {"version", selected.at("version")},
                   {"path", selected.at("path")},
                   {"name", selected.at("name")},
                   {"engine", engine}};
    Json gates = Json::array();
    for (const Json& gate : engine.is_null() ? gates : engine.at("gates")) {
      if (gate.at("node") == node) gates.push_back(gate);
    }
    if (!gates.empty()) {
      const Json& gate = gates.at(static_cast<size_t>(rank) % gates.size());
      deploy["gate"] = gate.at("gate");
      Json& workers = move["workers"][std::to_string(gate.at("rank").get<int>())];
      workers = (workers.is_null() ? 0 : workers.get<int>()) + job_.settings.service.replicas;
    }
    job_.control.send(rank, Mailbox::serve, deploy);
  }
  if (engine.is_null()) return;
  move["owner"] = selected.at("owner");
  move["model"] = selected.at("name");
  order(Role::ckpt, move);
}

void Conductor::on_moved(const Json& event) {
  if (event.contains("failed")) {
    log_.error(format("engine: version %d stays behind: ", event.at("version").get<int>()) +
               text_of(event, "failed"));
  } else if (event.contains("seconds")) {
    log_.info(format("engine: version %d to %zu replicas in %.1f ms, %.2f MB",
                     event.at("version").get<int>(), event.at("workers").get<size_t>(),
                     event.at("seconds").get<double>() * 1e3,
                     event.at("bytes").get<double>() / 1e6));
  }
}

// A version that cannot be deployed is reported; the one before it goes on serving.
void Conductor::on_deployed(const Json& event) {
  const int version = event.at("version");
  deployed_version_[event.at("rank").get<size_t>()] = version;
  if (event.contains("failed")) {
    log_.error(
        format("version %d cannot be served by rank %d: ", version, event.at("rank").get<int>()) +
        text_of(event, "failed"));
    return;
  }
  log_.info(format("serve: version %d (%s) answers after %.1f s, %.0f ms from its order", version,
                   text_of(event, "name").c_str(), started_.seconds(),
                   event.at("milliseconds").get<double>()));
  if (summary_.time_to_first_service_s < 0) summary_.time_to_first_service_s = started_.seconds();
}

void Conductor::on_front_door(const Json& event) {
  summary_.front_door = event.at("report");
  event.at("probabilities").get_to(over_http_);
  const double accuracy = summary_.front_door.at("accuracy");
  log_.info(format("front door: %lld test images in %lld requests, accuracy %.4f, %.0f images/s",
                   summary_.front_door.at("images").get<long long>(),
                   summary_.front_door.at("requests").get<long long>(), accuracy,
                   summary_.front_door.at("images_per_s").get<double>()));
  const ModelSummary* selected = summary_.find(summary_.selected);
  if (summary_.published_here && selected != nullptr &&
      std::abs(selected->test_accuracy - accuracy) > rounding_tolerance) {
    log_.warning(format("the service classifies otherwise than the trainers: %.4f against %.4f",
                        accuracy, selected->test_accuracy));
  }
}

void Conductor::on_asked(const Json& event) {
  Json report = event.at("report");
  const double difference =
      largest_difference(over_http_, event.at("probabilities").get<std::vector<float>>());
  log_.info(format("front door: %lld of these images in %lld requests over MPI by rank %d, %s",
                   report.at("images").get<long long>(), report.at("requests").get<long long>(),
                   event.at("rank").get<int>(),
                   difference == 0 ? "equal probabilities"
                                   : format("probabilities within %.1e", difference).c_str()));
  report["largest_difference"] = difference;
  summary_.front_door["ranks"] = report;
}

// Counters add up over serving ranks; of percentiles the worst is kept.
void Conductor::on_drained(const Json& event) {
  ++serving_ranks_drained_;
  for (const auto& [key, value] : event.at("stats").items()) {
    if (key.ends_with("_ms")) {
      summary_.service[key] = std::max(summary_.service.value(key, 0.0), value.get<double>());
    } else {
      summary_.service[key] = summary_.service.value(key, int64_t{0}) + value.get<int64_t>();
    }
  }
}

// SIGTERM is also how a launcher ends the ranks of a failed job, whose error line is the last word.
void Conductor::on_signal(const Json& event) {
  const int number = event.at("number");
  const std::string text = "asked to stop: ending in good order";
  if (!stop_asked_) number == SIGTERM ? log_.debug(text) : log_.info(text);
  stop_asked_ = true;
}

// Each rank has a watch; the first one counts.
void Conductor::on_time_limit() {
  if (!stop_asked_) log_.info("the time of this job is up: ending in good order");
  stop_asked_ = true;
}

void Conductor::order(Role role, const Json& message) {
  for (const int rank : job_.layout.ranks(role)) {
    job_.control.send(rank, mailbox_of(role), message);
  }
}

bool Conductor::deployed_everywhere() const {
  return std::ranges::all_of(job_.layout.ranks(Role::serve), [&](int rank) {
    return deployed_version_[static_cast<size_t>(rank)] >= newest_version_;
  });
}

// The first trainer whose rank serves nothing; -1: there is none.
int Conductor::asker() const {
  for (const int rank : job_.layout.ranks(Role::train)) {
    if (!job_.layout.plays(rank, Role::serve)) return rank;
  }
  return -1;
}

void Conductor::record(Json event) {
  event.erase("probabilities");  // they are compared, not kept
  event.erase("evaluation");     // it has a file of its own
  event.erase("mistakes");       // likewise
  event.erase("engine");         // it holds a secret
  const auto at = event.find("at_s");
  if (at == event.end()) return metrics_.write(std::move(event));
  const MetricsLog::Moment moment(std::chrono::duration_cast<MetricsLog::Moment::duration>(
      std::chrono::duration<double>(at->get<double>())));
  event.erase("at_s");
  metrics_.write(std::move(event), moment);
}

}  // namespace podium::workflow
