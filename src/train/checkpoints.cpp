#include "train/checkpoints.hpp"

#include <algorithm>
#include <thread>

#include "ckpt/transfer.hpp"
#include "comm/barrier.hpp"
#include "comm/broadcast.hpp"
#include "comm/gather.hpp"
#include "comm/ring_allreduce.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

namespace podium::train {
namespace {

using Json = nlohmann::ordered_json;
using Unit = ckpt::Interval::Unit;
namespace fs = std::filesystem;

constexpr double retry_s = 60;
constexpr std::chrono::milliseconds poll{100};

// The names of the votes.
enum Vote : size_t { disk_due, memory_due, busy, failed };

int parts_of(const TrainingState& state, uint64_t part_bytes, int world) {
  const uint64_t copies = state.average ? 3 : 2;  // parameters, momentum, average
  const uint64_t bytes =
      copies * static_cast<uint64_t>(state.model.parameter_count()) * sizeof(float);
  const uint64_t parts = (bytes + part_bytes - 1) / part_bytes;
  return static_cast<int>(std::clamp<uint64_t>(parts, 1, static_cast<uint64_t>(world)));
}

}  // namespace

Checkpoints::Checkpoints(TrainingState& state, comm::Communicator& group, CheckpointOptions options,
                         Log log)
    : state_(state),
      group_(group),
      options_(std::move(options)),
      log_(std::move(log)),
      store_(options_.folder),
      disk_{options_.every},
      memory_{options_.memory_every} {
  disk_.on = !options_.folder.empty() && options_.every.unit != Unit::never;
  memory_.on = options_.memory_every.unit != Unit::never;
  disk_.parts = parts_of(state_, options_.part_bytes, group_.size());
  if (options_.memory) memory_.parts = options_.memory->parts(group_.size());
}

// The newest first; of equal ones that on disk.
std::vector<Checkpoints::Candidate> Checkpoints::candidates() {
  std::vector<Candidate> all;
  if (disk_.on) {
    store_.open();
    for (const int64_t step : store_.steps()) {
      all.push_back(
          {{step, store_.marker_path(step).string(), [this, step] { return store_.read(step); }},
           false});
    }
  }
  for (ckpt::StateOffer& offer : memory_offers()) all.push_back({std::move(offer), true});
  std::ranges::stable_sort(all, std::greater<>(),
                           [](const Candidate& candidate) { return candidate.offer.step; });
  return all;
}

// A memory that cannot be used costs no run.
std::vector<ckpt::StateOffer> Checkpoints::memory_offers() {
  if (!memory_.on) return {};
  try {
    return options_.memory->offers();
  } catch (const Error& error) {
    memory_.on = false;
    log_.warning(std::string("no checkpoints go into memory: ") + error.what());
    return {};
  }
}

// What the run goes on from. On the first rank.
std::optional<Checkpoints::Candidate> Checkpoints::find(const Identify& identify,
                                                        ckpt::Snapshot& found) {
  for (Candidate& candidate : candidates()) {
    const std::string& where = candidate.offer.where;
    try {
      ckpt::Snapshot snapshot = candidate.offer.read();
      const TrainingPoint point = point_of(snapshot.card, 0, group_.size(), where);
      const Json identity = snapshot.card.value("identity", Json());
      if (identity == to_json(identify(point.generation))) {
        found = std::move(snapshot);
        return std::move(candidate);
      }
      log_.warning("the checkpoint " + where + " is of another recipe or data set");
      if (candidate.in_memory) memory_.displaces = true;
    } catch (const Error& error) {
      if (error.code() != ExitCode::bad_data) throw;
      log_.warning(std::string("the checkpoint is refused: ") + error.what());
      if (candidate.in_memory) memory_.displaces = true;
    }
  }
  return {};
}

void Checkpoints::tell_displaced() {
  const std::string name = "model '" + state_.recipe.name + "'";
  disk_.displaces = disk_.on && !store_.steps().empty();
  memory_.displaces = memory_.on;
  if (disk_.displaces) {
    log_.warning(name + " starts anew: the old checkpoints are kept as " +
                 store_.name_aside().string() + " when the first new one is written");
  }
  fs::path old = options_.folder;
  old += ".h5";
  std::error_code ignored;
  if (disk_.on && fs::exists(old, ignored)) {
    log_.warning(name + " starts anew and leaves " + old.string() +
                 " alone: an earlier Podium wrote it, and this one does not go on from it");
  }
}

std::optional<TrainingPoint> Checkpoints::resume(const Identify& identify) {
  ckpt::Snapshot snapshot;
  Json choice;
  if (leads()) {
    const std::optional<Candidate> found = find(identify, snapshot);
    if (!found) tell_displaced();
    choice = {{"found", found.has_value()},
              {"from_memory", found && found->in_memory},
              {"where", found ? found->offer.where : ""},
              {"memory_on", memory_.on}};
  }
  choice = Json::parse(comm::broadcast_text(group_, choice.dump(), 0));
  memory_.on = choice.at("memory_on");
  if (!choice.at("found")) return {};
  const std::string where = choice.at("where");
  const bool from_memory = choice.at("from_memory");
  ckpt::share_snapshot(group_, snapshot, 0);
  restore(state_, snapshot, group_.rank(), group_.size(), where);
  const TrainingPoint point = point_of(snapshot.card, group_.rank(), group_.size(), where);
  for (Place* place : {&disk_, &memory_}) {
    place->seen_step = place->resumed_step = point.step;
    place->seen_epochs = point.progress.epochs;
  }
  (from_memory ? memory_ : disk_).saved_step = point.step;
  if (from_memory) memory_.newest = where;
  if (leads()) tell_resumed(point, where, from_memory);
  return point;
}

void Checkpoints::tell_resumed(const TrainingPoint& point, const std::string& where,
                               bool from_memory) const {
  std::string line = "model '" + state_.recipe.name + "' goes on after epoch " +
                     std::to_string(point.progress.epochs) + " of " +
                     std::to_string(state_.recipe.epochs);
  const auto whole = [](int64_t number) { return static_cast<long long>(number); };
  if (point.epoch_step > 0) line += format(" and %lld steps of the next", whole(point.epoch_step));
  line += ", from " + where;
  if (from_memory && disk_.on) {
    const std::vector<int64_t> steps = store_.steps();
    line += format(", step %lld; the newest on disk: ", whole(point.step)) +
            (steps.empty() ? "none" : format("step %lld", whole(steps.front())));
  }
  log_.info(line);
}

int64_t Checkpoints::steps_between() const {
  int64_t least = 0;
  for (const Place* place : {&disk_, &memory_}) {
    if (!place->on || place->every.unit != Unit::steps) continue;
    least = least == 0 ? place->every.count : std::min(least, place->every.count);
  }
  return least;
}

bool Checkpoints::due_at(int64_t step) const {
  const auto due = [step](const Place& place) {
    return place.on && place.every.unit == Unit::steps &&
           ckpt::crosses(place.every, place.seen_step, step);
  };
  return due(disk_) || due(memory_);
}

// By the first rank's clock.
bool Checkpoints::clock_says(const Place& place) const {
  if (!place.on) return false;
  if (&place == &disk_ && since_failure_) return since_failure_->seconds() >= retry_s;
  return place.every.unit == Unit::seconds &&
         place.since.seconds() >= static_cast<double>(place.every.count);
}

void Checkpoints::vote(std::span<double, votes> mine) {
  std::ranges::fill(mine, 0);
  if (task_.started()) {
    if (!task_.ends_within(std::chrono::milliseconds(0))) {
      mine[Vote::busy] = 1;
    } else if (const auto failure = task_.take_outcome()) {
      failed_ = true;
      failure_ = *failure;
      if (under_way_ == &disk_) {
        log_.error("a checkpoint of model '" + state_.recipe.name +
                   "' could not be written: " + failure_);
      }
    }
  }
  if (failed_) mine[Vote::failed] = 1;
  if (!leads() || phase_ != Phase::idle) return;
  if (clock_says(disk_)) mine[Vote::disk_due] = 1;
  if (clock_says(memory_)) mine[Vote::memory_due] = 1;
}

void Checkpoints::count(std::span<const double, votes> sums) {
  if (sums[Vote::disk_due] > 0) {
    disk_.due = true;
    since_failure_.reset();
  }
  if (sums[Vote::memory_due] > 0) memory_.due = true;
  if (phase_ == Phase::idle || sums[Vote::busy] > 0) return;
  const bool any_failed = sums[Vote::failed] > 0;
  failed_ = false;
  const bool to_disk = under_way_ == &disk_;
  if (!any_failed && to_disk && phase_ == Phase::writing && disk_.parts > 1) return seal();
  end(any_failed);
}

void Checkpoints::end(bool failed) {
  Place& place = *under_way_;
  phase_ = Phase::idle;
  under_way_ = nullptr;
  if (!failed) {
    place.saved_step = marker_.step;
    place.newest.clear();
    return;
  }
  if (&place == &memory_) {
    place.on = place.due = false;  // there will not be more room
    if (leads()) tell_failed_memory();
    return;
  }
  since_failure_.emplace();
  if (!leads() || concluding_) return;
  log_.warning("training goes on and tries to save again after " +
               std::to_string(static_cast<int>(retry_s)) + " s; " + kept());
}

void Checkpoints::look(Place& place, const TrainingPoint& point) const {
  if (!place.on) return;
  if (place.every.unit == Unit::steps && ckpt::crosses(place.every, place.seen_step, point.step)) {
    place.due = true;
  }
  if (place.every.unit == Unit::epochs &&
      ckpt::crosses(place.every, place.seen_epochs, point.progress.epochs)) {
    place.due = true;
  }
  place.seen_step = point.step;
  place.seen_epochs = point.progress.epochs;
}

void Checkpoints::proceed(const TrainingPoint& point, const Identity& identity) {
  look(disk_, point);
  look(memory_, point);
  if (phase_ != Phase::idle) return;
  const bool memory = memory_.due && disk_.saved_step < point.step;
  const bool disk = disk_.due && !since_failure_;
  if (disk && !(memory && last_was_disk_)) return begin(disk_, point, identity);
  if (memory) begin(memory_, point, identity);
}

// Of the rank that leads, or of another one.
void Checkpoints::tell_failed_memory() {
  log_.warning("the memory takes no more checkpoints of model '" + state_.recipe.name +
               "', training goes on without: " +
               (failure_.empty() ? "another trainer has failed to hand over its part" : failure_));
}

// What it holds is of this run and older, or of no use.
void Checkpoints::clear_memory() {
  try {
    options_.memory->clear();
  } catch (const Error& error) {
    log_.warning(std::string("the memory keeps what it had: ") + error.what());
  }
}

// Once, before the first save: nothing that is there may be taken for a checkpoint of this run.
void Checkpoints::make_room(Place& place) {
  if (place.tidy) return;
  place.tidy = true;
  if (leads() && &place == &memory_) {
    if (memory_.displaces || memory_.saved_step < 0) clear_memory();
  } else if (leads()) {
    const std::vector<int64_t> steps = store_.steps();
    const bool refused = !steps.empty() && steps.front() > place.resumed_step;
    if (place.displaces) {
      store_.set_aside();
    } else if (refused) {
      store_.move_refused(place.resumed_step);
    }
  }
  if (place.parts > 1) comm::barrier(group_, group_.policy());  // before others write there
}

void Checkpoints::begin(Place& place, const TrainingPoint& point, const Identity& identity) {
  make_room(place);
  const std::vector<RankState> ranks = gather_ranks(state_, point, group_);
  const int part = group_.rank();
  phase_ = Phase::writing;
  under_way_ = &place;
  last_was_disk_ = &place == &disk_;  // a slow one leaves the other its turn
  place.due = false;
  place.since.restart();
  const Progress& progress = point.progress;
  marker_ = {
      point.step, progress.epochs, point.epoch_step == 0, progress.val_accuracy, group_.size(), {}};
  if (part >= place.parts) return;

  copy_.take(state_, ranks, part, place.parts);
  Json card = part == 0 ? card_of(state_, identity(), point, ranks, group_.size())
                        : Json{{"step", point.step}};
  card["pieces"] = copy_.pieces();
  card["parts"] = place.parts;
  const bool alone = place.parts == 1;
  task_.start([this, &place, part, alone, card = std::move(card)] {
    if (&place == &memory_) {
      options_.memory->keep(marker_, part, place.parts, card, copy_.buffers());
      return;
    }
    store_.write_part(marker_.step, part, place.parts, card, copy_.buffers());
    if (!alone) return;
    store_.seal(marker_, 1);
    store_.retain(options_.retention);
  });
}

void Checkpoints::seal() {
  phase_ = Phase::sealing;
  if (!leads()) return;
  task_.start([this, &place = *under_way_] {
    store_.seal(marker_, place.parts);
    store_.retain(options_.retention);
  });
}

// No rank waits for another longer than a poll, however slow a disk is.
void Checkpoints::settle() {
  while (phase_ != Phase::idle) {
    if (task_.started()) task_.ends_within(poll);
    std::array<double, votes> sums{};
    vote(sums);
    comm::ring_allreduce(group_, std::span<double>(sums));
    count(sums);
    if (phase_ != Phase::idle && !task_.started()) std::this_thread::sleep_for(poll / 10);
  }
}

void Checkpoints::conclude(const TrainingPoint& point, const Identity& identity, bool finished) {
  settle();
  Place& place = disk_.on ? disk_ : memory_;
  if (!place.on || place.saved_step == point.step) return;
  concluding_ = true;
  failure_.clear();
  begin(place, point, identity);
  settle();
  if (place.saved_step == point.step || finished) return;
  std::string reason;
  for (const std::string& text : comm::gather_texts(group_, failure_, 0)) {
    if (reason.empty()) reason = text;
  }
  reason = comm::broadcast_text(group_, reason, 0);
  throw Error(ExitCode::io, "the run stops and its last checkpoint could not be written: " + reason,
              "", kept());
}

std::string Checkpoints::kept() const {
  if (disk_.saved_step >= 0 && disk_.saved_step >= memory_.saved_step) {
    return store_.marker_path(disk_.saved_step).string() + " is the newest checkpoint";
  }
  if (memory_.saved_step < 0) return "there is no checkpoint yet";
  const std::string where =
      memory_.newest.empty() ? "that of step " + std::to_string(memory_.saved_step) + ", in memory,"
                             : memory_.newest;
  return where + " is the newest checkpoint";
}

}  // namespace podium::train
