#include "search/trials.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/text.hpp"
#include "nn/network_plan.hpp"

namespace podium::search {
namespace {

using What = CrewEvent::What;

constexpr int deaths_allowed = 2;       // of children, with one network
constexpr int deadly_allowed = 20;      // networks in a row
constexpr double between_words_s = 60;  // about a network that is trained

ChildResult nothing_because(std::string reason) {
  ChildResult result;
  result.reason = std::move(reason);
  return result;
}

ChildResult result_in(const Json& message) {
  return {message.at("reward"), message.at("epochs"), message.at("seconds"), message.at("reason"),
          message.at("repeatable")};
}

}  // namespace

Trials::Trials(const TrialLimits& limits, const SearchLayout& layout, Staff& staff, Memo& memo,
               Log log)
    : limits_(limits),
      layout_(layout),
      staff_(staff),
      memo_(memo),
      log_(std::move(log)),
      children_(static_cast<size_t>(layout.children()), ChildState::gone),
      at_work_(static_cast<size_t>(layout.workers())) {}

void Trials::ask(const Ticket& ticket, const std::string& architecture) {
  Trial trial{.architecture = architecture, .wanted_by = {ticket}};
  if (refuse(&trial)) return;
  if (const ChildResult* known = memo_.find(architecture)) return settle(trial, *known, true);
  const auto equal = std::ranges::find(trials_, architecture, &Trial::architecture);
  if (equal != trials_.end()) {
    equal->wanted_by.push_back(ticket);
  } else {
    trials_.push_back(std::move(trial));
  }
}

// Networks that cannot be built, or are larger than asked for, are not trained. Fills in the costs.
bool Trials::refuse(Trial* trial) {
  std::string reason;
  try {
    const nn::NetworkPlan plan = nn::plan_network(nn::parse_architecture(trial->architecture),
                                                  limits_.image, limits_.classes);
    trial->flops = plan.flops;
    trial->parameters = static_cast<int64_t>(plan.parameter_count);
    const double mflops = static_cast<double>(plan.flops) * 1e-6;
    if (limits_.max_mflops > 0 && mflops > limits_.max_mflops) {
      reason = format("%.2f MFLOP per image are above --search.max_mflops=%g", mflops,
                      limits_.max_mflops);
    }
  } catch (const Error& error) {
    reason = error.what();
  }
  if (reason.empty()) return false;
  log_.info("reward 0 for '" + trial->architecture + "': " + reason);
  settle(*trial, nothing_because(reason), false);
  return true;
}

void Trials::settle(const Trial& trial, const ChildResult& result, bool reused) {
  for (const Ticket& ticket : trial.wanted_by) {
    verdicts_.push_back(
        {ticket, trial.architecture, result, trial.flops, trial.parameters, reused});
    reused = true;  // by all but the first that asked
  }
}

void Trials::on_child(const CrewEvent& event) {
  ChildState& state = children_[static_cast<size_t>(event.worker - layout_.controllers())];
  if (event.what == What::up) {
    state = ChildState::idle;
  } else if (event.what != What::said) {
    on_loss(event);
    state = event.what == What::down ? ChildState::down : ChildState::gone;
  } else if (!event.message.contains("done")) {
    const auto trial = trial_of(event.worker);
    if (trial != trials_.end()) trial->begun = true;
    if (event.message.contains("epoch")) on_epoch(event);
  } else {
    const auto trial = trial_of(event.worker);
    require(trial != trials_.end(), "a child answers what it was asked", "search");
    deadly_in_a_row_ = 0;
    const ChildResult result = result_in(event.message);
    memo_.add(trial->architecture, result);
    if (!result.reason.empty()) {
      log_.info(format("reward %.4f for '", result.accuracy) + trial->architecture +
                "': " + result.reason);
    }
    settle(*trial, result, false);
    trials_.erase(trial);
    --at_work_[static_cast<size_t>(layout_.rank_of(event.worker))];
    state = ChildState::idle;
  }
}

// So that a search whose networks take hours is not silent for hours.
void Trials::on_epoch(const CrewEvent& event) {
  const auto trial = trial_of(event.worker);
  if (trial == trials_.end()) return;
  const double seconds = trial->under_way.seconds();
  if (seconds - trial->told_s < between_words_s) return;
  trial->told_s = seconds;
  log_.info(format("child %d: epoch %d after %.0f s  accuracy %.4f  ",
                   event.worker - layout_.controllers(), event.message.at("epoch").get<int>(),
                   seconds, event.message.at("accuracy").get<double>()) +
            trial->architecture);
}

// A child is gone, and what it trained waits for another one.
void Trials::on_loss(const CrewEvent& event) {
  ++deaths_;
  last_words_ = event.why;
  const auto trial = trial_of(event.worker);
  if (trial == trials_.end()) return;
  --at_work_[static_cast<size_t>(layout_.rank_of(event.worker))];
  trial->child = -1;
  if (!trial->begun || ++trial->deaths < deaths_allowed) return;
  ++deadly_in_a_row_;
  ChildResult result = nothing_because(
      format("%d children died of it, the last one was ", deaths_allowed) + event.why);
  result.repeatable = false;
  log_.warning("reward 0 for '" + trial->architecture + "': " + result.reason);
  memo_.add(trial->architecture, result);
  settle(*trial, result, false);
  trials_.erase(trial);
}

void Trials::hand_out() {
  for (Trial& trial : trials_) {
    if (trial.child >= 0) continue;
    const int child = next_child();
    if (child < 0) return;
    const int worker = child + layout_.controllers();
    trial.child = worker;
    trial.under_way.restart();
    trial.told_s = 0;
    trial.begun = false;
    children_[static_cast<size_t>(child)] = ChildState::busy;
    ++at_work_[static_cast<size_t>(layout_.rank_of(worker))];
    last_child_ = child;
    staff_.send(worker, {{"train", trial.architecture}});
  }
}

// The next one in turn that is idle, on a rank that has a core for it; -1: none.
int Trials::next_child() {
  for (int step = 1; step <= layout_.children(); ++step) {
    const int child = (last_child_ + step) % layout_.children();
    const int rank = layout_.rank_of(child + layout_.controllers());
    if (children_[static_cast<size_t>(child)] == ChildState::idle &&
        at_work_[static_cast<size_t>(rank)] < layout_.turns_per_rank()) {
      return child;
    }
  }
  return -1;
}

std::list<Trials::Trial>::iterator Trials::trial_of(int child) {
  return std::ranges::find(trials_, child, &Trial::child);
}

bool Trials::any_child() const {
  return deadly_in_a_row_ < deadly_allowed &&
         std::ranges::any_of(children_, [](ChildState s) { return s != ChildState::down; });
}

}  // namespace podium::search
