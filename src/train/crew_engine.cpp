#include "train/crew_engine.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "comm/broadcast.hpp"
#include "comm/ring_allreduce.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "io/loader/batch_range.hpp"
#include "nn/ops.hpp"
#include "train/ps_client.hpp"
#include "train/ps_step.hpp"
#include "train/servers.hpp"
#include "train/trainer_process.hpp"

namespace podium::train {
namespace {

using What = CrewEvent::What;

constexpr Crew::Milliseconds patience{200};  // for something to happen, then again
constexpr double seconds_to_pause = 10;
constexpr int64_t first_steps = 32;  // before it is known how long they take
constexpr uint64_t most_steps_of_lease = 64;

ps::GroupOptions options_of(const CrewSpec& spec) {
  ps::GroupOptions options = spec.servers.group;
  options.optimizer = served_optimizer(spec.state.optimizer);
  return options;
}

void check(const Recipe& recipe) {
  if (recipe.ema == 0) return;
  throw usage_error("an average of the weights needs ranks that train themselves",
                    flag_of(recipe, "ema"), "set ema = 0, or leave --ps.trainers out");
}

}  // namespace

CrewEngine::CrewEngine(CrewSpec spec)
    : spec_(std::move(spec)),
      parts_(static_cast<size_t>(spec_.servers.trainers)),
      group_options_(options_of(spec_)),
      buffers_(parameters_of(spec_.state.model)),
      shift_(parts_, parts_, most_steps_of_lease),
      lives_(parts_) {
  require(parts_ > 0, "a crew has trainers", "CrewEngine");
  check(spec_.state.recipe);
}

CrewEngine::~CrewEngine() = default;

void CrewEngine::start_epoch(const EpochPlan& plan) {
  if (!crew_) start();
  plan_ = plan;
  next_ = plan.begin;
  steps_of_epoch_ =
      static_cast<int64_t>(io::steps_of(spec_.dataset.size(io::Split::train), plan.data.batch));
}

void CrewEngine::start() {
  const std::string listen = listening_for(spec_.group);
  if (spec_.group.rank() == 0) {
    ps::ServerGroup::Options options;
    options.group = group_options_;
    options.shared_memory = spec_.servers.shared_memory;
    options.log = spec_.log;
    options.listen = listen;
    servers_.emplace(buffers_, served_state(spec_.state), std::move(options));
    ticket_ = servers_->ticket();
  }
  ticket_ = comm::broadcast_text(spec_.group, ticket_, 0);
  std::vector<CrewMember> members;
  for (int trainer = 0; trainer < spec_.servers.trainers; ++trainer) {
    const std::string name = "trainer " + std::to_string(number_of(trainer));
    members.push_back({trainer, name, trainer_command(name)});
  }
  // Time enough to say itself that the servers do not answer.
  const Crew::Milliseconds silence = group_options_.patience * 5 / 4;
  crew_.emplace(std::move(members), silence, spec_.log);
}

int CrewEngine::number_of(int trainer) const {
  return spec_.group.rank() * spec_.servers.trainers + trainer;
}

TrainerSetup CrewEngine::setup_of(int trainer) const {
  const Recipe& recipe = spec_.state.recipe;
  const nn::Model& model = spec_.state.model;
  const auto parts = static_cast<int>(parts_);
  TrainerSetup setup;
  setup.recipe = recipe;
  setup.card = model.card();
  setup.cache = spec_.dataset.path();
  setup.dataset = spec_.dataset.options();
  setup.dataset.generation = spec_.dataset.generation();
  if (plan_) {
    setup.shuffle = plan_->data.shuffle;
    setup.prefetch_threads = plan_->data.threads;
  }
  setup.gpu = spec_.gpu;
  setup.threads = spec_.threads;
  setup.rank = static_cast<size_t>(spec_.group.rank());
  setup.world = static_cast<size_t>(spec_.group.size());
  setup.parts = parts_;
  // A share is cut evenly, so that the largest part is rounded up twice at most.
  setup.max_batch = (model.max_batch() + parts - 1) / parts;
  setup.ticket = ticket_;
  setup.servers = {number_of(trainer), buffers_, group_options_};
  return setup;
}

std::span<const Step> CrewEngine::advance() {
  require(plan_.has_value(), "no epoch is under way", "CrewEngine::advance");
  steps_.clear();
  if (next_ == steps_of_epoch_) return {};
  const int64_t end = next_pause();
  work(end);
  pull_weights();
  next_ = end;
  return steps_;
}

// The same on every rank: as the first one says.
int64_t CrewEngine::next_pause() {
  int64_t steps = steps_per_s_ > 0
                      ? std::llround(std::clamp(steps_per_s_ * seconds_to_pause, 1.0, 1e6))
                      : first_steps;
  steps = std::stoll(comm::broadcast_text(spec_.group, std::to_string(steps), 0));
  int64_t end = std::min(next_ + steps, steps_of_epoch_);
  if (plan_->pause_every > 0) {
    const int64_t of_run = plan_->first_step + next_;
    const int64_t pause = (of_run / plan_->pause_every + 1) * plan_->pause_every;
    end = std::min(end, pause - plan_->first_step);
  }
  return end;
}

// Until all steps before `end` are taken and all trainers rest. What does not answer is ended by
// the crew, so that this ends too.
void CrewEngine::work(int64_t end) {
  const auto unit = [this](int64_t step) { return static_cast<uint64_t>(step) * parts_; };
  statistics_.clear();
  gathering_ = {};
  gathered_ = 0;
  Stopwatch watch;
  shift_.begin({unit(next_), unit(end)});
  while (!shift_.over()) {
    for (const CrewEvent& event : crew_->take(patience)) hear(event);
    for (const Shift::Order& order : shift_.orders()) tell(order);
    if (!shift_.abandoned()) continue;
    throw unavailable_error(
        format("no trainer is left: each of %zu died five times within a minute", parts_),
        last_words_.empty() ? "rank " + std::to_string(spec_.group.rank()) : last_words_,
        "see what is said of them above; the same command goes on from the checkpoint");
  }
  steps_per_s_ = static_cast<double>(end - next_) / std::max(watch.seconds(), 1e-3);
}

void CrewEngine::hear(const CrewEvent& event) {
  switch (event.what) {
    case What::up:
      if (event.life > 1) ++report_.restarts;
      lives_[static_cast<size_t>(event.worker)] = event.life;
      crew_->send(event.worker, event.life, to_json(setup_of(event.worker)));
      shift_.up(event.worker);
      break;
    case What::said:
      hear_word(event);
      break;
    case What::died:
    case What::down:
      note_death(event);
      break;
  }
}

void CrewEngine::hear_word(const CrewEvent& event) {
  const Json& message = event.message;
  if (message.contains("unit")) {
    shift_.done(event.worker, message.at("unit"));
    take_unit(message);
  } else if (message.contains("joined")) {
    shift_.joined(event.worker);
  } else if (message.contains("done")) {
    shift_.rests(event.worker);
    take_rest(message);
  } else if (message.contains("bad") && !bad_) {
    const Json& bad = message.at("bad");
    bad_ = BadGradient{bad.at("step"), bad.at("tensor")};
  } else if (message.contains("failed")) {
    last_words_ = message.at("failed").get<std::string>();
    spec_.log.warning("trainer " + std::to_string(number_of(event.worker)) +
                      " ends: " + last_words_);
  }
}

void CrewEngine::note_death(const CrewEvent& event) {
  const bool for_good = event.what == What::down;
  const std::vector<Lease> lost = shift_.gone(event.worker, for_good);
  ++report_.deaths;
  report_.left_down += for_good ? 1 : 0;
  report_.leases_handed_on += lost.size();
  for (const Lease& lease : lost) report_.images_handed_on += images_of(lease);
  if (lost.empty()) return;
  const uint64_t begun = lost.front().begin;
  report_.images_repeated += images_of({begun, begun + 1});
}

// Parts are told as they are done; as many as make a step are told as the next one.
void CrewEngine::take_unit(const Json& message) {
  gathering_.loss_sum += number_from(message.at("loss"));
  gathering_.correct += message.at("correct").get<int>();
  gathering_.images += message.at("images").get<size_t>();
  if (++gathered_ == parts_) finish_step();
}

void CrewEngine::finish_step() {
  const auto step = next_ + static_cast<int64_t>(steps_.size());
  gathering_.step = plan_->first_step + step;
  gathering_.lr = plan_->schedule.at(gathering_.step);
  gathering_.images_of_all = io::batch_range(static_cast<size_t>(step), plan_->data.batch,
                                             spec_.dataset.size(io::Split::train))
                                 .count();
  steps_.push_back(gathering_);
  gathering_ = {};
  gathered_ = 0;
}

void CrewEngine::take_rest(const Json& message) {
  if (message.at("units") > 0) statistics_.push_back(floats_from(message.at("statistics")));
  add(told_, worker_report_from_json(message.at("servers")));
  const Json& times = message.at("times");
  const double share = 1.0 / static_cast<double>(parts_);
  times_ += {share * times.at(0).get<double>(), share * times.at(1).get<double>(),
             share * times.at(2).get<double>(), share * times.at(3).get<double>(), 0};
}

void CrewEngine::tell(const Shift::Order& order) {
  using Order = Shift::Order::What;
  Json message;
  switch (order.what) {
    case Order::join: {
      const auto statistics = std::as_const(spec_.state.model).statistics();
      std::vector<float> copied(statistics.size());
      spec_.state.model.ops().copy(statistics, copied.data());
      spec_.state.model.ops().synchronise();
      message = {{"join", true},
                 {"epoch", plan_->epoch},
                 {"generation", spec_.dataset.generation()},
                 {"first_step", plan_->first_step},
                 {"statistics", copied}};
      break;
    }
    case Order::lease:
      message = {{"lease", {order.lease.begin, order.lease.end}}, {"lr", rates_of(order.lease)}};
      break;
    case Order::rest:
      message = {{"rest", true}};
      break;
  }
  crew_->send(order.trainer, lives_[static_cast<size_t>(order.trainer)], message);
}

Json CrewEngine::rates_of(const Lease& lease) const {
  Json rates = Json::array();
  for (uint64_t step = lease.begin / parts_; step * parts_ < lease.end; ++step) {
    rates.push_back(plan_->schedule.at(plan_->first_step + static_cast<int64_t>(step)));
  }
  return rates;
}

size_t CrewEngine::images_of(const Lease& lease) const {
  size_t images = 0;
  for (uint64_t unit = lease.begin; unit < lease.end; ++unit) {
    const io::BatchRange all =
        io::batch_range(unit / parts_, plan_->data.batch, spec_.dataset.size(io::Split::train));
    const io::BatchRange mine = io::share_of(all, plan_->data.rank, plan_->data.world);
    images += io::share_of(mine, unit % parts_, parts_).count();
  }
  return images;
}

// Nobody pushes now. Running statistics are the mean of what those have who took part.
void CrewEngine::pull_weights() {
  nn::Model& model = spec_.state.model;
  std::vector<float> served(2 * static_cast<size_t>(model.parameter_count()));
  if (servers_) served = servers_->state();
  comm::broadcast(spec_.group, std::as_writable_bytes(std::span(served)), 0);
  put_served_state(spec_.state, served);
  if (statistics_.empty()) return;
  std::vector<float> mean(statistics_.front().size());
  for (const std::vector<float>& one : statistics_) {
    std::ranges::transform(one, mean, mean.begin(), std::plus<>());
  }
  for (float& value : mean) value /= static_cast<float>(statistics_.size());
  model.ops().copy(mean, model.statistics().data());
  model.ops().synchronise();
}

WallTime CrewEngine::times() const {
  return times_;
}

PsReport CrewEngine::report() {
  ps::WorkerReport mine = told_;
  mine.waited_s /= static_cast<double>(parts_);
  PsReport report =
      share_report(mine, group_options_, servers_ ? servers_->restarts() : 0, spec_.group);
  constexpr std::array counts = {&CrewReport::deaths,           &CrewReport::restarts,
                                 &CrewReport::left_down,        &CrewReport::leases_handed_on,
                                 &CrewReport::images_handed_on, &CrewReport::images_repeated};
  std::array<double, counts.size()> sums{};
  for (size_t i = 0; i < counts.size(); ++i) sums[i] = static_cast<double>(report_.*counts[i]);
  comm::ring_allreduce(spec_.group, std::span<double>(sums));
  report.crew.emplace();
  report.crew->trainers = spec_.group.size() * static_cast<int>(parts_);
  for (size_t i = 0; i < counts.size(); ++i) {
    (*report.crew).*counts[i] = static_cast<uint64_t>(sums[i]);
  }
  return report;
}

}  // namespace podium::train
