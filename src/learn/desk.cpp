#include "learn/desk.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/error.hpp"
#include "io/files/atomic_file.hpp"

namespace podium::learn {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr const char* buffer_file = "buffer.h5";
constexpr const char* desk_file = "desk.json";

}  // namespace

Desk::Desk(const DeskOptions& options)
    : options_(options), buffer_(options.buffer), pace_(options.pace) {
  tell_buffered();
}

void Desk::explorer_came(int explorer) {
  follow(pace_.explorer_came(explorer));
}

void Desk::explorer_left(int explorer) {
  counted_.lost += under_way_.erase(explorer);
  std::erase_if(beside_, [explorer](const auto& entry) { return entry.first == explorer; });
  std::erase_if(for_explorers_,
                [explorer](const Order& order) { return order.explorer == explorer; });
  follow(pace_.explorer_left(explorer));
}

void Desk::taken(int explorer, const Version& version) {
  follow(pace_.taken(explorer, version));
}

bool Desk::explored(int explorer, Explored explored, Time now) {
  if (!pace_.expects(explorer, explored.rollout)) return false;
  if (explored.experiences.size() != static_cast<size_t>(options_.pace.rollout)) return false;
  for (const auto& [who, entry] : beside_) {
    if (who == explorer) return false;  // it is here already
  }
  beside_.emplace_back(explorer, std::move(explored));
  put_what_fits(now);
  return true;
}

void Desk::put_what_fits(Time now) {
  while (!beside_.empty() && beside_.front().second.experiences.size() <= buffer_.room()) {
    auto [explorer, explored] = std::move(beside_.front());
    beside_.pop_front();
    put(explorer, std::move(explored), now);
  }
}

void Desk::put(int explorer, Explored explored, Time now) {
  under_way_.erase(explorer);
  ++counted_.rollouts;
  counted_.episodes += explored.returns.size();
  returns_.insert(returns_.end(), explored.returns.begin(), explored.returns.end());
  while (returns_.size() > options_.window) returns_.pop_front();
  for (Experience& experience : explored.experiences) {
    counted_.steps += static_cast<uint64_t>(experience.steps);
    experience.priority = priority_of(experience);
    buffer_.put(std::move(experience), now);
  }
  follow(pace_.explored(explorer, explored.rollout, holdings()));
}

void Desk::expire(Time now) {
  buffer_.expire(now);
  put_what_fits(now);
  tell_buffered();
}

// The newest first; a use counts as a batch of age.
double Desk::priority_of(const Experience& experience) const {
  return static_cast<double>(experience.version.made_at) -
         static_cast<double>(experience.uses) * options_.pace.updates_per_batch;
}

// Of a batch that is to be trained on and was not asked for yet, the pace counts as drawn what is
// still here.
Holdings Desk::holdings() const {
  const bool to_draw = std::ranges::count(for_trainers_, Order::What::train, &Order::what) > 0;
  const size_t drawn = to_draw ? static_cast<size_t>(options_.pace.batch) : 0;
  const size_t ready = buffer_.ready(pace_.updates());
  return {ready - std::min(ready, drawn), buffer_.counts().waiting,
          buffer_.room() + (options_.buffer.reuse == 1 ? std::min(ready, drawn) : 0)};
}

void Desk::tell_buffered() {
  follow(pace_.buffered(holdings()));
}

// Sorts what is to be done by who is to do it.
void Desk::follow(Orders orders) {
  for (const Order& order : orders) {
    switch (order.what) {
      case Order::What::explore:
        under_way_[order.explorer] = order.rollout;
        [[fallthrough]];
      case Order::What::take:
        for_explorers_.push_back(order);
        break;
      case Order::What::train:
      case Order::What::publish:
      case Order::What::end:
        for_trainers_.push_back(order);
    }
  }
}

Orders Desk::take_orders() {
  return std::exchange(for_explorers_, {});
}

std::optional<Task> Desk::next_task(Time now) {
  if (for_trainers_.empty()) return {};
  const Order& order = for_trainers_.front();
  Task task{Task::What::end, order.batch, order.version, {}};
  if (order.what == Order::What::end) return task;  // and again, whoever asks
  if (order.what == Order::What::publish) {
    task.what = Task::What::publish;
    for_trainers_.pop_front();
    return task;
  }
  task.what = Task::What::train;
  task.experiences = buffer_.draw(static_cast<size_t>(options_.pace.batch), pace_.updates());
  if (task.experiences.empty()) return {};  // some went meanwhile: more will come
  for (const Experience& experience : task.experiences) {
    counted_.trained_steps += static_cast<uint64_t>(experience.steps);
    buffer_.set_priority(experience.id, priority_of(experience));  // of the next use, if it has one
  }
  for_trainers_.pop_front();
  put_what_fits(now);
  tell_buffered();
  return task;
}

void Desk::trained(uint64_t batch) {
  const auto more = static_cast<uint64_t>(options_.pace.updates_per_batch);
  buffer_.discard_stale(pace_.updates() + more);
  tell_buffered();
  follow(pace_.trained(batch));
}

void Desk::published(const Version& version) {
  follow(pace_.published(version));
}

DeskReport Desk::report() const {
  DeskReport report = counted_;
  report.buffer = buffer_.counts();
  report.window_full = returns_.size() == options_.window;
  if (!returns_.empty()) {
    report.mean_return = std::accumulate(returns_.begin(), returns_.end(), 0.0) /
                         static_cast<double>(returns_.size());
  }
  return report;
}

void Desk::save(const fs::path& folder, Time now) const {
  buffer_.save(folder / buffer_file, now);
  const PaceState state = pace_.state();
  const Json json = {{"trained", state.trained},
                     {"next_rollout", state.next_rollout},
                     {"newest", {state.newest.number, state.newest.made_at}},
                     {"rollouts", counted_.rollouts},
                     {"lost", counted_.lost},
                     {"steps", counted_.steps},
                     {"trained_steps", counted_.trained_steps},
                     {"episodes", counted_.episodes},
                     {"returns", returns_}};
  io::write_text_file(folder / desk_file, json.dump(1) + "\n");
}

void Desk::load(const fs::path& folder, Time now) {
  const fs::path file = folder / desk_file;
  const Json json = Json::parse(io::read_text_file(file), nullptr, false);
  try {
    PaceState state;
    state.trained = json.at("trained");
    state.next_rollout = json.at("next_rollout");
    state.newest = {json.at("newest").at(0), json.at("newest").at(1)};
    counted_.rollouts = json.at("rollouts");
    counted_.lost = json.at("lost");
    counted_.steps = json.at("steps");
    counted_.trained_steps = json.at("trained_steps");
    counted_.episodes = json.at("episodes");
    returns_ = json.at("returns").get<std::deque<double>>();
    pace_ = Pace(options_.pace, state);
  } catch (const Json::exception& error) {
    throw data_error(std::string("not the checkpoint of learning: ") + error.what(), file.string(),
                     "remove its folder, and learn anew");
  }
  buffer_.load(folder / buffer_file, now);
  for_trainers_.clear();
  tell_buffered();
}

}  // namespace podium::learn
