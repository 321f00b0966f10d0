#include "search_verbs.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <nlohmann/json.hpp>
#include <numeric>

#include "comm/barrier.hpp"
#include "comm/broadcast.hpp"
#include "core/deadline_watch.hpp"
#include "core/signals.hpp"
#include "core/text.hpp"
#include "io/files/atomic_file.hpp"
#include "search/controller_worker.hpp"
#include "search/driver.hpp"
#include "search_job_settings.hpp"
#include "train/recipe_check.hpp"
#include "verb_parts.hpp"
#include "workflow/step_memo.hpp"
#include "workflow/training_step.hpp"

namespace podium {
namespace {

using Json = nlohmann::ordered_json;
using Words = std::vector<std::string>;

// First arguments of worker processes. main() must look for them before anything else.
constexpr const char* controller_verb = "__search_controller";
constexpr const char* child_verb = "__search_child";

// All that a search has found out before it begins.
struct Search {
  const VerbContext& context;
  const SearchSettings& settings;
  const search::Space& space;
  const search::SearchLayout& layout;
  std::filesystem::path cache;
  uint64_t generation = 0;
  const std::function<bool()>& should_stop;

  std::filesystem::path folder() const { return context.settings.run_dir / "search"; }
};

// By the cores of rank 0: all ranks must come to the same layout.
search::SearchLayout plan_layout(const VerbContext& context, const SearchSettings& settings,
                                 comm::Communicator& group) {
  const int mine = workflow::threads_per_trainer(group.size(), context.mpi);
  const int cores = std::stoi(comm::broadcast_text(group, std::to_string(mine), 0));
  const search::SearchPlace place{group.size(), cores, settings.child.threads,
                                  static_cast<int>(settings.samples)};
  if (settings.child.threads > cores) {
    throw usage_error(format("a child is to have %d threads, and a rank has %d cores",
                             settings.child.threads, cores),
                      "--search.child_threads", "ask for fewer");
  }
  const auto layout = search::SearchLayout::plan(context.settings.roles, place);
  if (settings.samples > 0 && static_cast<size_t>(layout.children()) > settings.samples) {
    throw usage_error(format("%d children for %zu samples: some would never get one",
                             layout.children(), settings.samples),
                      "--search.samples", "try more networks, or ask for fewer children (--roles)");
  }
  return layout;
}

// A node's children share half of its memory.
uint64_t memory_of_child(const Search& search) {
  if (search.context.settings.device.on_gpu()) return 0;  // its driver maps far more than it takes
  if (search.settings.child_memory > 0) return search.settings.child_memory;
  const auto pages = static_cast<uint64_t>(std::max(0L, ::sysconf(_SC_PHYS_PAGES)));
  const auto page_bytes = static_cast<uint64_t>(std::max(0L, ::sysconf(_SC_PAGESIZE)));
  const auto children = static_cast<uint64_t>(search.context.mpi.node_ranks()) *
                        static_cast<uint64_t>(search.layout.turns_per_rank());
  return pages * page_bytes / 2 / children;
}

// Each child has the images of its own in memory.
uint64_t cache_of_child(const Search& search) {
  const auto mine = search.layout.workers_of(search.context.mpi.rank()).size();
  return search.context.settings.cache_memory_bytes / std::max<size_t>(1, mine);
}

std::vector<CrewMember> members(const Search& search) {
  const workflow::Settings& settings = search.context.settings;
  const std::string config = (settings.run_dir / "config.cfg").string();
  Json child = {{"config", config},
                {"cache", search.cache.string()},
                {"generation", search.generation},
                {"cache_memory", cache_of_child(search)},
                {"memory", memory_of_child(search)},
                {"gpu", settings.device.gpu},
                {"trace", search.context.tracer.ticket().text()},
                {"rank", search.context.mpi.rank()}};
  std::vector<CrewMember> members;
  for (const int worker : search.layout.workers_of(search.context.mpi.rank())) {
    if (search.layout.is_controller(worker)) {
      const std::string name = "controller " + std::to_string(worker);
      const Json controller = {{"name", name}, {"config", config}, {"replica", worker}};
      members.push_back({worker, name, {controller_verb, controller.dump()}, false});
    } else {
      const int number = worker - search.layout.controllers();
      const std::string name = "child " + std::to_string(number);
      Json own = child;
      own["name"] = name;
      own["number"] = number;
      members.push_back({worker, name, {child_verb, own.dump()}, true, true});
    }
  }
  return members;
}

// A class that a slice leaves out cannot be learnt, or not be asked for.
void check_classes(const io::Dataset& dataset, io::Split split, const char* option) {
  constexpr size_t at_once = 256;  // the images of a whole split may exceed the memory
  const size_t size = dataset.size(split);
  std::array<bool, 256> seen{};  // by label
  for (size_t begin = 0; begin < size; begin += at_once) {
    std::vector<uint32_t> records(std::min(at_once, size - begin));
    std::iota(records.begin(), records.end(), static_cast<uint32_t>(begin));
    std::vector<uint8_t> images(records.size() * dataset.info().image_bytes());
    std::vector<uint8_t> labels(records.size());
    dataset.gather(split, records, images, labels);
    for (const uint8_t label : labels) seen[label] = true;
  }
  for (size_t label = 0; label < dataset.info().classes; ++label) {
    if (seen[static_cast<uint8_t>(label)]) continue;
    throw usage_error(format("the first %zu records of the %s split have none of class '", size,
                             io::split_name(split)) +
                          dataset.info().class_names[label] + "'",
                      option, "take more");
  }
}

// What can be known before anything is trained, on rank 0.
void check(const Search& search, const io::Dataset& dataset) {
  const io::DatasetInfo& info = dataset.info();
  search.space.check({static_cast<int>(info.channels), static_cast<int>(info.height),
                      static_cast<int>(info.width)},
                     static_cast<int>(info.classes));
  if (search.settings.method.name != "reinforce") {  // whose options its servers are told
    search::make_method(search.settings.method, search.space, nullptr);
  }
  check_classes(dataset, io::Split::train, "--search.train_records");
  check_classes(dataset, io::Split::validation, "--search.validation_records");
  train::check_fit(search.settings.child.recipe, {dataset, 1});
  train::check_precision(search.settings.child.recipe, search.context.settings.device);
}

io::Dataset open_slice(const Search& search) {
  io::DatasetOptions options = search.settings.slice;
  options.memory_bytes = search.context.settings.cache_memory_bytes;
  options.generation = search.generation;
  return io::Dataset::open(search.cache, options);
}

std::string winner_comment(const search::SearchOutcome& outcome,
                           const std::filesystem::path& file) {
  const search::Sampled& best = outcome.ledger.best();
  return format(
             "# The best of %zu samples of an architecture search: reward %.4f, %.2f MFLOP per "
             "image\n# forward, %lld parameters.\n#\n#   podium train ",
             outcome.ledger.samples(), best.reward, static_cast<double>(best.flops) * 1e-6,
             static_cast<long long>(best.parameters)) +
         file.string() + "\n";
}

Json result_of(const Search& search, const search::SearchOutcome& outcome) {
  const search::Ledger& ledger = outcome.ledger;
  const search::Sampled& best = ledger.best();
  return {{"verb", "search"},
          {"method", search.settings.method.name},
          {"samples", ledger.samples()},
          {"best_reward", best.reward},
          {"best_architecture", best.architecture},
          {"tail_mean_reward", ledger.tail_mean()},
          {"mean_reward", ledger.mean()},
          {"networks", search.space.networks()},
          {"trained", ledger.trained()},
          {"zero_rewards", ledger.zeros()},
          {"best_mflops", static_cast<double>(best.flops) * 1e-6},
          {"best_parameters", best.parameters},
          {"entropy", outcome.mean_entropy},
          {"ended_by", outcome.end},
          {"servers", search.layout.servers()},
          {"controllers", search.layout.controllers()},
          {"children", search.layout.children()},
          {"child_deaths", outcome.child_deaths},
          {"controller_deaths", outcome.controller_deaths},
          {"server_restarts", outcome.server_restarts},
          {"seconds", outcome.seconds},
          {"child_cpu_s", outcome.child_cpu_s},
          {"child_busy_share", outcome.child_busy_share},
          {"winner", (search.context.settings.run_dir / "winner.cfg").string()}};
}

void keep_winner(const Search& search, const search::SearchOutcome& outcome) {
  const workflow::Settings& settings = search.context.settings;
  const Log& log = search.context.log;
  const search::Sampled& best = outcome.ledger.best();
  if (best.architecture.empty()) {
    log.warning(outcome.ledger.samples() == 0
                    ? "no network is known to the end yet: there is no winner"
                    : "no network has got a reward: there is no winner");
  } else {
    const std::filesystem::path file = settings.run_dir / "winner.cfg";
    io::write_text_file(
        file, winner_file(search.context.config, best.architecture, winner_comment(outcome, file)));
    log.info(
        format("the best of %zu samples, %.4f, is in ", outcome.ledger.samples(), best.reward) +
        file.string());
  }
}

// The search as a step that need not be done again.
workflow::Step step_of(const Search& search, const Json& data) {
  const Config& config = search.context.config;
  return {"search",
          {},
          {{"configuration", section_values(config, "search")},
           {"layout", search.layout.describe()},
           {"reward", reward_identity(search.settings, data)},
           {"winner's options", winner_file(config, "", "")}}};
}

// Whether the same search has come to its end here before; then its result is told again. Rank 0
// decides, and has the reason. Collective.
bool was_done(const Search& search, comm::Communicator& group, std::string* reason) {
  bool done = false;
  if (group.rank() == 0) {
    const Stopwatch watch;
    const workflow::Settings& settings = search.context.settings;
    const io::Dataset dataset = open_slice(search);
    check(search, dataset);
    const workflow::Step step = step_of(search, workflow::data_identity(dataset.info(), settings));
    workflow::RecalledStep recalled = workflow::recall_step(settings, step);
    *reason = recalled.reason;
    done = recalled.result.has_value();
    if (done) {
      workflow::tell_step(settings, step, recalled, watch.seconds(), search.context.log);
      (*recalled.result)["reused"] = true;
      print_result(search.context, *recalled.result);
    }
  }
  return comm::broadcast_text(group, done ? "done" : "", 0) == "done";
}

// How far the search is, by samples or by time, whichever ends it.
void show(const Search& search, const search::Ledger& ledger) {
  Board& board = search.context.board;
  if (!board.drawn()) return;  // the log has a line for each sample
  const search::Sampled& best = ledger.best();
  board.bar("samples", "samples",
            {static_cast<double>(ledger.samples()), static_cast<double>(search.settings.samples),
             "samples", format("%zu trained  mean reward %.4f", ledger.trained(), ledger.mean())});
  board.line("best", "best", format("%.4f  ", best.reward) + best.architecture);
}

// Rank 0 leads; returns whether the search was stopped before its end. `reason` is why it is done.
bool lead(const Search& search, Crew& crew, search::Mail* mail, const std::string& reason) {
  const workflow::Settings& settings = search.context.settings;
  const Log& log = search.context.log;
  const io::Dataset dataset = open_slice(search);
  const Json data = workflow::data_identity(dataset.info(), settings);
  log.info("search by " + search.settings.method.name + ": " + search.layout.describe() +
           format(" | %.6g networks", search.space.networks()));
  search.context.board.line("roles", "roles", search.layout.describe());
  search::DriverOptions options;
  options.method = search.settings.method;
  options.samples = search.settings.samples;
  options.seconds = search.settings.seconds;
  options.limits = {
      {static_cast<int>(dataset.info().channels), static_cast<int>(dataset.info().height),
       static_cast<int>(dataset.info().width)},
      static_cast<int>(dataset.info().classes),
      search.settings.max_mflops};
  options.identity = search_identity(search.context.config, search.layout, data);
  options.folder = search.folder();
  options.should_stop = search.should_stop;
  options.on_sample = [&](const search::Ledger& ledger) { show(search, ledger); };

  io::create_folder(search.folder());
  const bool anew = settings.ingest.memo.mode == io::MemoMode::never;
  search::Memo memo(search.folder() / "memo.jsonl", reward_identity(search.settings, data), log,
                    anew ? search::Memo::Known::forgotten : search::Memo::Known::used);
  search::ThetaServers theta(options.method, search.settings.adam, search.space,
                             search.layout.servers(), log,
                             search.context.mpi.node_ranks() < search.context.mpi.size());
  search::Staff staff(search.layout, crew, mail);
  search::Driver driver(options, search.space, search.layout, staff, theta, memo,
                        search.context.metrics, log);
  const search::SearchOutcome outcome = driver.run();

  keep_winner(search, outcome);
  if (!outcome.stopped) driver.forget();
  Json result = result_of(search, outcome);
  result["reused"] = false;
  print_result(search.context, result);
  if (!outcome.stopped && !outcome.ledger.best().architecture.empty()) {
    const workflow::Step step = step_of(search, data);
    workflow::keep_step(settings, step, result, {settings.run_dir / "winner.cfg"}, log);
    workflow::tell_step(settings, step, {{}, reason}, outcome.seconds, log);
  }
  return outcome.stopped;
}

}  // namespace

ExitCode search_verb(const VerbContext& context) {
  const std::unique_ptr<comm::Communicator> group = everyone(context, "search");
  const std::unique_ptr<comm::Communicator> letters = everyone(context, "letters");
  const SearchSettings settings = search_settings(context.config);
  const search::Space space = search::Space::parse(settings.space);
  const search::SearchLayout layout = plan_layout(context, settings, *group);

  std::atomic<bool> stop{false};
  const SignalWatch signals({SIGTERM, SIGINT, SIGUSR1}, [&stop](int) { stop = true; });
  const DeadlineWatch time_limit(context.settings.stop_after, context.started,
                                 [&stop] { stop = true; });
  const std::function<bool()> should_stop = [&stop] { return stop.load(); };
  const workflow::IngestOutcome cache = ingest(context, *group);
  const Search search{context, settings, space, layout, cache.cache, cache.generation, should_stop};

  std::string reason;
  if (was_done(search, *group, &reason)) return ExitCode::done;

  Crew crew(members(search), settings.silence, context.log);
  search::Mail mail(*letters);
  bool stopped = false;
  if (group->rank() == 0) {
    stopped = lead(search, crew, group->size() > 1 ? &mail : nullptr, reason);
  } else {
    search::keep_crew(mail, crew, should_stop);
  }
  comm::barrier(*group, patient);
  if (!stopped) return ExitCode::done;
  context.log.info("stopped early; run the same command again to go on");
  return ExitCode::stopped;
}

bool is_search_worker(const Words& arguments) {
  return arguments.size() == 2 &&
         (arguments.front() == controller_verb || arguments.front() == child_verb);
}

std::string search_worker_name(const Words& arguments) {
  return Json::parse(arguments.back()).at("name");
}

int run_search_worker(const Words& arguments, const Log& log) {
  leave_signals_to_the_job();
  const Json order = Json::parse(arguments.back());
  Config config;
  config.read_file(order.at("config").get<std::string>());
  const SearchSettings settings = search_settings(config);
  Channel channel(FileDescriptor(worker_socket_fd), most_message_bytes);
  if (arguments.front() == controller_verb) {
    search::MethodOptions method = settings.method;
    method.replica = order.at("replica");
    search::run_controller(channel, search::Space::parse(settings.space), method, settings.adam);
    return 0;
  }
  search::ChildOptions child = settings.child;
  child.device.gpu = order.at("gpu");
  search::ChildData data{order.at("cache").get<std::string>(), settings.slice};
  data.dataset.generation = order.at("generation");
  data.dataset.memory_bytes = order.at("cache_memory");
  const int rank = order.at("rank");
  Tracer tracer(TraceTicket::parse(order.at("trace")),
                {format("child %d of rank %d", order.at("number").get<int>(), rank), rank, "child"},
                log.at_most(LogLevel::warning));
  search::run_child(channel, data, child, order.at("memory"), {log, &tracer});
  return 0;
}

}  // namespace podium
