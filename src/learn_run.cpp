#include "learn_run.hpp"

#include <algorithm>

#include "ckpt/transfer.hpp"
#include "comm/barrier.hpp"
#include "comm/broadcast.hpp"
#include "comm/gather.hpp"
#include "core/text.hpp"
#include "core/trace.hpp"
#include "learn/evaluation.hpp"
#include "learn/explorer_crew.hpp"
#include "learn/hub_address.hpp"
#include "learn/learn_checkpoint.hpp"
#include "learn/weights_roads.hpp"
#include "learn_progress.hpp"
#include "train/model_snapshot.hpp"
#include "verb_parts.hpp"
#include "workflow/job.hpp"
#include "workflow/training_step.hpp"

namespace podium {
namespace {

using Json = nlohmann::ordered_json;
using learn::Ended;

// Saves a state every so often, by the configuration's `ckpt.every`.
class SaveTimer {
 public:
  explicit SaveTimer(const ckpt::Interval& every) : every_(every) {}

  bool due(uint64_t updates) {
    using Unit = ckpt::Interval::Unit;
    const auto count = static_cast<double>(every_.count);
    const bool now = every_.unit == Unit::steps
                         ? updates >= updates_ + static_cast<uint64_t>(every_.count)
                     : every_.unit == Unit::seconds ? since_.seconds() >= count
                     : every_.unit == Unit::never   ? false
                                                    : since_.seconds() >= otherwise_s;
    if (now) {
      updates_ = updates;
      since_.restart();
    }
    return now;
  }

 private:
  static constexpr double otherwise_s = 60;  // learning has no epochs

  ckpt::Interval every_;
  uint64_t updates_ = 0;
  Stopwatch since_;
};

// The trainers begin with the state that the first one has found, if it has.
bool share_state(learn::Learner& learner, std::optional<ckpt::Snapshot>& found,
                 comm::Communicator& trainers) {
  const bool any = comm::broadcast_text(trainers, found ? "found" : "", 0) == "found";
  if (!any) return false;
  ckpt::Snapshot state = found ? *found : ckpt::Snapshot{};
  ckpt::share_snapshot(trainers, state, 0);
  learner.restore(state);
  return true;
}

// By which others reach what listens at HOST:PORT.
std::string host_of(const std::string& listen) {
  const std::string host = listen.substr(0, listen.rfind(':'));
  const bool everywhere = host == "0.0.0.0" || host == "::" || host == "*";
  return everywhere ? workflow::node_name() : host;
}

}  // namespace

LearnRun::LearnRun(const Place& place, LearnSettings settings)
    : place_(place), settings_(std::move(settings)) {}

LearnOutcome LearnRun::run() {
  if (place_.group.rank() == 0) return lead();
  follow();
  return {};
}

learn::LearnerOptions LearnRun::learner_options(const learn::EnvironmentKit& kit) const {
  learn::LearnerOptions options = settings_.learner;
  const int cores = workflow::threads_per_trainer(place_.layout.trainers(), place_.context.mpi);
  options.policy = kit.policy_options();
  options.policy.threads = settings_.threads > 0 ? settings_.threads : cores;
  return options;
}

learn::HubOptions LearnRun::hub_options(const learn::EnvironmentKit& kit) const {
  learn::HubOptions options;
  options.desk = {settings_.pace(), settings_.buffer, settings_.window};
  options.limits.observation_bytes = kit.info().observation_bytes();
  options.limits.actions = kit.info().actions;
  options.limits.least_steps = options.limits.most_steps = settings_.task.steps;
  options.task = settings_.task.digest();
  options.listen = listen();
  options.explorers = place_.layout.explorers();
  options.silence = settings_.silence;
  options.patience =
      std::max<std::chrono::milliseconds>(place_.context.settings.comm_timeout, settings_.silence);
  return options;
}

// Explorers of other nodes must reach it.
std::string LearnRun::listen() const {
  const comm::MpiEnvironment& mpi = place_.context.mpi;
  const bool chosen = place_.context.config.is_set("learn.listen");
  return chosen || mpi.node_ranks() == mpi.size() ? settings_.listen : "0.0.0.0:0";
}

learn::ExplorerCrewOptions LearnRun::crew_options(const learn::HubAddress& hub) const {
  learn::ExplorerTask task = settings_.task;
  task.trace = place_.context.tracer.ticket().text();
  task.rank = place_.group.rank();
  return {task,
          hub,
          place_.layout.explorers_of(place_.group.rank()),
          false,
          settings_.silence,
          place_.should_stop};
}

learn::HubAddress LearnRun::share_address(const learn::HubAddress& address) {
  const Json mine = {{"hub", address.address}, {"secret", address.secret}};
  const Json all = Json::parse(comm::broadcast_text(place_.group, mine.dump(), 0));
  return {all.at("hub"), all.at("secret")};
}

// All the first rank's part.
LearnOutcome LearnRun::lead() {
  const Log& log = place_.context.log;
  const workflow::Settings& job = place_.context.settings;
  const learn::EnvironmentKit kit(settings_.task, io::Split::train);
  learn::Learner learner(kit.info(), learner_options(kit), *place_.trainers, job.exchange);
  learn::LearnCheckpoint checkpoint(job.checkpoint_dir() / "learn", place_.identity, log);
  std::optional<ckpt::Snapshot> found;
  if (!settings_.profile) found = checkpoint.find();
  const bool goes_on = share_state(learner, found, *place_.trainers);
  const auto road = learn::make_weights_road(
      settings_.mode.method, learner.policy().parameter_count(), host_of(listen()), log);
  learn::Hub hub(hub_options(kit), *road, log);
  if (goes_on) {
    checkpoint.restore(hub);
    hub.publish(hub.newest(), learn::LearnCheckpoint::published(*found));
  } else {
    hub.publish(hub.newest(), learner.policy().parameters());
  }
  LearnProgress progress(settings_, hub, goes_on ? learn::LearnCheckpoint::seconds(*found) : 0,
                         place_.context.metrics, place_.context.board, log);
  progress.tell_begin(place_.layout, goes_on);
  learn::write_hub_address(job.run_dir / "learn.json", hub.address());

  learn::ExplorerCrew crew(crew_options(share_address(hub.address())), log);
  learn::Accounting accounting(settings_.task.keep_spans, place_.context.tracer.lane("trainer"));
  LearnOutcome outcome;
  SaveTimer timer(job.checkpoint_every);
  learn::LeadHooks hooks;
  hooks.sync_span = learn::sync_span(settings_.mode.method);
  hooks.should_stop = place_.should_stop;
  hooks.on_batch = [&](uint64_t batch, std::span<const learn::Update> updates) {
    if (settings_.task.keep_spans) outcome.timeline.trained_ns.push_back(trace_now_ns());
    return progress.note(batch, updates);
  };
  hooks.on_wait = [&] { return progress.wait(); };
  hooks.on_publish = [&] {
    if (settings_.task.keep_spans) outcome.timeline.published_ns.push_back(trace_now_ns());
  };
  hooks.between = [&] {
    if (settings_.profile || !timer.due(learner.updates())) return;
    try {
      checkpoint.save(hub, learner, progress.seconds());
    } catch (const Error& error) {  // learning goes on; the next one may be written
      if (error.code() != ExitCode::io) throw;
      log.error(std::string("a checkpoint could not be written: ") + error.what());
    }
  };
  try {
    outcome.ended = learn::lead(hub, learner, *place_.trainers, hooks, accounting);
    outcome.seconds = progress.seconds();
    if (outcome.ended == Ended::stopped && !settings_.profile) {
      checkpoint.save(hub, learner, outcome.seconds);
    }
  } catch (...) {
    hub.end();  // nobody is missed from here on, and nobody is to join
    std::error_code whatever;
    std::filesystem::remove(job.run_dir / "learn.json", whatever);
    throw;
  }
  outcome.ended_by = progress.story(outcome.ended);
  outcome.report = hub.report();
  outcome.mean_return = outcome.report.mean_return;
  outcome.updates = learner.updates();
  hub.end();
  std::filesystem::remove(job.run_dir / "learn.json");
  const learn::ExplorerReport explorers = hub.explorers();
  outcome.explorers_s = explorers.spent;
  outcome.timeline.explorers = explorers.spans;
  outcome.timeline.trainers = accounting.take_spans();
  outcome.explorers_came = explorers.came;
  outcome.explorers_lost = explorers.lost;
  check_replicas(learner);
  gather(accounting, &outcome);
  if (outcome.ended != Ended::stopped) {
    evaluate(learner, kit, &outcome);
    if (!settings_.profile) checkpoint.clear();
  }
  outcome.model = train::snapshot_of(learner.policy().network().model());
  outcome.weights_xxh3 = train::weights_xxh3(learner.policy().network().model());
  comm::barrier(place_.group, patient);
  return outcome;
}

// That of all other ranks.
void LearnRun::follow() {
  const Log& log = place_.context.log;
  std::optional<learn::EnvironmentKit> kit;
  std::optional<learn::Learner> learner;
  if (place_.trainers != nullptr) {
    kit.emplace(settings_.task, io::Split::train);
    learner.emplace(kit->info(), learner_options(*kit), *place_.trainers,
                    place_.context.settings.exchange);
    std::optional<ckpt::Snapshot> none;
    share_state(*learner, none, *place_.trainers);
  }
  const learn::ExplorerCrew crew(crew_options(share_address({})), log);
  learn::Accounting accounting(
      false, place_.trainers == nullptr ? Lane() : place_.context.tracer.lane("trainer"));
  if (learner) {
    learn::follow(*learner, *place_.trainers, hub_options(*kit).limits, accounting);
    check_replicas(*learner);
  }
  gather(accounting, nullptr);
  comm::barrier(place_.group, patient);
}

// Sums what the trainers spent their time on. Those that do not train wait here for the others.
void LearnRun::gather(const learn::Accounting& accounting, LearnOutcome* outcome) {
  const Json mine = place_.trainers == nullptr ? Json::array() : Json(accounting.seconds());
  comm::barrier(place_.group, patient);
  const std::vector<std::string> all = comm::gather_texts(place_.group, mine.dump(), 0);
  if (outcome == nullptr) return;
  for (const std::string& text : all) {
    const auto spent = Json::parse(text).get<std::vector<double>>();
    for (size_t i = 0; i < spent.size(); ++i) outcome->trainers_s[i] += spent[i];
  }
}

void LearnRun::evaluate(learn::Learner& learner, const learn::EnvironmentKit& kit,
                        LearnOutcome* outcome) {
  if (settings_.evaluation == 0 || settings_.profile) return;
  if (kit.dataset() != nullptr) {
    outcome->accuracy = learn::accuracy_of(learner.policy(), *kit.dataset(), io::Split::validation);
    outcome->mean_return = *outcome->accuracy;
  } else {
    outcome->mean_return =
        learn::try_policy(learner.policy(), kit, settings_.evaluation, settings_.task.seed);
  }
}

void LearnRun::check_replicas(learn::Learner& learner) {
  const std::string mine = train::weights_xxh3(learner.policy().network().model());
  const std::vector<std::string> all = comm::gather_texts(*place_.trainers, mine, 0);
  for (const std::string& one : all) {
    require(one == mine, "trainers hold different weights", "podium learn");
  }
}

}  // namespace podium
