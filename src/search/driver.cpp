#include "search/driver.hpp"

#include <algorithm>

#include "ckpt/snapshot.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "io/files/atomic_file.hpp"

namespace podium::search {
namespace {

using namespace std::chrono_literals;
using What = CrewEvent::What;

constexpr auto patience = 200ms;          // between two looks at the clock
constexpr auto rest_limit = 5s;           // for what controllers still have to say
constexpr double between_saves_s = 20;    // of the checkpoint
constexpr size_t repeated_enough = 1000;  // samples in a row that were all known

}  // namespace

Driver::Driver(const DriverOptions& options, const Space& space, const SearchLayout& layout,
               Staff& staff, ThetaServers& theta, Memo& memo, MetricsLog& metrics, Log log)
    : options_(options),
      space_(space),
      layout_(layout),
      staff_(staff),
      theta_(theta),
      metrics_(metrics),
      log_(std::move(log)),
      trials_(options.limits, layout, staff, memo, log_),
      controllers_(static_cast<size_t>(layout.controllers())) {
  resume();
}

SearchOutcome Driver::run() {
  watch_.restart();
  since_save_.restart();
  std::string end = reason_to_end();
  while (end.empty()) {
    for (const CrewEvent& event : staff_.take(patience)) handle(event);
    check_somebody_is_left();
    theta_.revive_if_lost();
    take_up_proposals();
    trials_.hand_out();
    take_verdicts();
    save_if_due();
    end = reason_to_end();
  }
  if (end == "stop") save_at_rest();
  return outcome(end);
}

void Driver::forget() {
  std::error_code ignored;
  std::filesystem::remove(checkpoint_file(), ignored);
}

std::string Driver::reason_to_end() const {
  if (options_.samples > 0 && ledger_.samples() >= options_.samples) return "samples";
  if (options_.seconds > 0 && elapsed_s() >= options_.seconds) return "time";
  if (options_.should_stop() || staff_.asked_to_stop()) return "stop";
  return ledger_.since_trained() >= repeated_enough ? "repetition" : "";
}

void Driver::handle(const CrewEvent& event) {
  staff_.note(event);
  if (layout_.is_controller(event.worker)) {
    on_controller(static_cast<size_t>(event.worker), event);
  } else {
    trials_.on_child(event);
  }
}

void Driver::on_controller(size_t number, const CrewEvent& event) {
  Controller& controller = controllers_[number];
  if (event.what == What::said) return on_message(number, event.message);
  controller.learns = false;
  controller.proposal.reset();
  controller.batch.reset();  // lost; what is trained of it goes into the memo
  if (event.what == What::up) {
    staff_.send(event.worker, {{"begin", true},
                               {"count", layout_.children_per_controller()},
                               {"state", controller.state},
                               {"unlearned", controller.unlearned},
                               {"theta", theta_.ticket()}});
    return;
  }
  ++controller_deaths_;
  last_words_ = event.why;
  controller.down = event.what == What::down;
}

void Driver::on_message(size_t number, const Json& message) {
  if (message.contains("propose")) {
    Controller& controller = controllers_[number];
    controller.proposal = message;
    controller.state = message.at("state");
    controller.unlearned = nullptr;
    controller.entropy = message.at("entropy");
    controller.learns = false;
  }
}

// As many of what was proposed as the search still wants.
void Driver::take_up_proposals() {
  for (size_t number = 0; number < controllers_.size(); ++number) {
    if (!controllers_[number].proposal) continue;
    size_t count = controllers_[number].proposal->at("propose").size();
    if (options_.samples > 0) {
      const size_t taken = ledger_.samples() + samples_under_way();
      count = std::min(count, options_.samples - std::min(taken, options_.samples));
    }
    if (count > 0) begin_batch(number, count);
  }
}

size_t Driver::samples_under_way() const {
  size_t count = 0;
  for (const Controller& controller : controllers_) {
    if (controller.batch) count += controller.batch->choices.size();
  }
  return count;
}

void Driver::begin_batch(size_t number, size_t count) {
  Controller& controller = controllers_[number];
  const Json proposal = std::move(*controller.proposal);
  controller.proposal.reset();
  auto choices = proposal.at("propose").get<std::vector<Choices>>();
  choices.resize(count);
  Batch& batch = controller.batch.emplace(Batch{++batches_, std::move(choices), {}});
  batch.samples.resize(count);
  for (size_t place = 0; place < count; ++place) {
    try {
      trials_.ask({static_cast<int>(number), batch.number, place},
                  space_.architecture(batch.choices[place]));
    } catch (const Error& error) {  // the choices make no network
      Sampled& nothing = batch.samples[place].emplace();
      nothing.controller = static_cast<int>(number);
      nothing.reason = error.what();
      log_.info("reward 0 for choices that make no network: " + nothing.reason);
    }
  }
  finish_batch(number);
}

void Driver::take_verdicts() {
  for (const Verdict& verdict : trials_.take_verdicts()) {
    const auto number = static_cast<size_t>(verdict.ticket.controller);
    std::optional<Batch>& batch = controllers_[number].batch;
    if (!batch || batch->number != verdict.ticket.batch) continue;  // of a controller that died
    batch->samples[verdict.ticket.place] = Sampled{.controller = verdict.ticket.controller,
                                                   .architecture = verdict.architecture,
                                                   .reward = verdict.result.accuracy,
                                                   .flops = verdict.flops,
                                                   .parameters = verdict.parameters,
                                                   .epochs = verdict.result.epochs,
                                                   .seconds = verdict.result.seconds,
                                                   .reused = verdict.reused,
                                                   .reason = verdict.result.reason};
    finish_batch(number);
  }
}

// If all of it is decided. A batch without a network that is new to the search teaches nothing, and
// costs next to nothing: learnt from all the same, a few known networks would soon be all that is
// proposed.
void Driver::finish_batch(size_t number) {
  Controller& controller = controllers_[number];
  Batch& batch = *controller.batch;
  if (!std::ranges::all_of(batch.samples, [](const auto& one) { return one.has_value(); })) return;
  Json samples = Json::array();
  bool news = false;
  for (size_t place = 0; place < batch.samples.size(); ++place) {
    const Sampled& sampled = *batch.samples[place];
    news = ledger_.add(sampled) || news;
    tell(number, sampled);
    samples.push_back({{"choices", batch.choices[place]}, {"reward", sampled.reward}});
  }
  if (!news) samples = Json::array();
  controller.batch.reset();
  controller.learns = true;
  controller.unlearned = std::move(samples);
  unsaved_ = true;
  staff_.send(static_cast<int>(number), {{"samples", controller.unlearned}});
}

void Driver::tell(size_t number, const Sampled& sampled) {
  Json event = {{"event", "sample"}, {"sample", ledger_.samples()}};
  event.update(to_json(sampled));
  event["best_reward"] = ledger_.best().reward;
  event["entropy"] = controllers_[number].entropy;
  event["search_s"] = elapsed_s();
  metrics_.write(std::move(event));
  if (options_.on_sample) options_.on_sample(ledger_);
  if (sampled.reused) return;
  const std::string of = options_.samples > 0 ? format("/%zu", options_.samples) : "";
  log_.info(format("sample %zu%s  reward %.4f  best %.4f  %5.2f MFLOP  %5.1f s  ",
                   ledger_.samples(), of.c_str(), sampled.reward, ledger_.best().reward,
                   static_cast<double>(sampled.flops) * 1e-6, sampled.seconds) +
            sampled.architecture);
}

void Driver::check_somebody_is_left() const {
  if (!trials_.any_child()) {
    throw unavailable_error(
        "every child died again and again, the last one was " + trials_.last_words(), "search",
        "see what they said before, and lower --search.child_memory, "
        "or the sizes in --search.space");
  }
  if (std::ranges::all_of(controllers_, &Controller::down)) {
    throw unavailable_error(
        "every controller died again and again, the last one was " + last_words_, "search",
        "see what they said before");
  }
}

bool Driver::anybody_learns() const {
  return std::ranges::any_of(controllers_, &Controller::learns);
}

// Once the controllers have told what they depend on after the batches that are counted.
void Driver::save_at_rest() {
  const Deadline deadline(rest_limit);
  while (anybody_learns() && !deadline.expired()) {
    for (const CrewEvent& event : staff_.take(patience)) handle(event);
  }
  try {
    save();
  } catch (const Error& error) {  // whatever is in the way: the disk, or servers that are gone
    throw Error(ExitCode::io, std::string("the search stops and cannot be saved: ") + error.what(),
                "", "the checkpoint before it stays, if there is one");
  }
}

// A moment when no gradient is on its way is better, but does not always come.
void Driver::save_if_due() {
  const double wait_s = anybody_learns() ? 2 * between_saves_s : between_saves_s;
  if (!unsaved_ || since_save_.seconds() < wait_s) return;
  save_if_possible();
}

void Driver::save_if_possible() {
  try {
    save();
  } catch (const Error& error) {  // the one before stays
    log_.warning(std::string("the search cannot be saved now: ") + error.what());
  }
  since_save_.restart();
}

void Driver::save() {
  io::create_folder(options_.folder);  // somebody may have tidied up
  Json states = Json::array();
  for (const Controller& controller : controllers_) {
    states.push_back({{"state", controller.state}, {"unlearned", controller.unlearned}});
  }
  ckpt::write_snapshot(checkpoint_file(),
                       {{"kind", "search"},
                        {"identity", options_.identity},
                        {"ledger", ledger_.state()},
                        {"controllers", std::move(states)},
                        {"theta", theta_.state()},
                        {"seconds", elapsed_s()},
                        {"metrics_bytes", metrics_.bytes()}},
                       std::span<const ckpt::NamedBuffer>());
  unsaved_ = false;
}

// The card of a checkpoint to go on from; null when there is none.
Json Driver::find_checkpoint() const {
  std::error_code ignored;
  if (!std::filesystem::exists(checkpoint_file(), ignored)) return {};
  Json card = ckpt::read_snapshot(checkpoint_file()).card;
  if (card.contains("identity") && card.at("identity") == options_.identity) return card;
  log_.warning(checkpoint_file().string() +
               " is of a search with another space, method, layout or data: starting anew");
  return {};
}

void Driver::resume() {
  io::create_folder(options_.folder);
  io::remove_stale_temporaries(options_.folder);
  const Json card = find_checkpoint();
  if (card.is_null()) {
    theta_.start({});
    return save_if_possible();  // so that the next job knows which samples do not count
  }
  try {
    ledger_.resume(card.at("ledger"));
    for (size_t i = 0; i < controllers_.size(); ++i) {
      controllers_[i].state = card.at("controllers").at(i).at("state");
      controllers_[i].unlearned = card.at("controllers").at(i).at("unlearned");
    }
    earlier_s_ = card.at("seconds");
    theta_.start(card.at("theta"));
    take_back_samples(metrics_.path(), card.value("metrics_bytes", UINT64_MAX));
  } catch (const Json::exception& error) {
    throw data_error("the checkpoint is none of this version: " + std::string(error.what()),
                     checkpoint_file().string(), "delete it to start anew");
  }
  if (ledger_.samples() == 0) return;
  log_.info(format("goes on after %zu samples and %.0f s, the best reward so far is %.4f",
                   ledger_.samples(), earlier_s_, ledger_.best().reward));
}

SearchOutcome Driver::outcome(const std::string& end) {
  const double wall_s = watch_.seconds();
  SearchOutcome found;
  found.stopped = end == "stop";
  found.end = end;
  found.seconds = elapsed_s();
  found.child_cpu_s = staff_.end();
  found.child_busy_share =
      found.child_cpu_s / std::max(1e-9, wall_s * layout_.cores_for_children());
  found.child_deaths = trials_.deaths();
  found.controller_deaths = controller_deaths_;
  found.server_restarts = theta_.restarts();
  for (const Controller& controller : controllers_) {
    found.mean_entropy += controller.entropy / static_cast<double>(controllers_.size());
  }
  found.ledger = ledger_;
  return found;
}

}  // namespace podium::search
