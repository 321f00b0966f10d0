#include "learn/mode.hpp"

#include "core/error.hpp"

namespace podium::learn {
namespace {

// How far, in batches, trainers may get ahead of what fully asynchronous explorers act by: enough
// that a rollout several times as long as most others is not waited for.
constexpr int batches_ahead = 4;

uint64_t in_updates(int batches, int updates_per_batch) {
  return static_cast<uint64_t>(batches) * static_cast<uint64_t>(updates_per_batch);
}

std::string updates(uint64_t count) {
  return std::to_string(count) + (count == 1 ? " update" : " updates");
}

void check_counts(const ModeSettings& mode, int updates_per_batch, int reuse) {
  if (mode.sync_interval < 1) {
    throw usage_error("a sync after every " + std::to_string(mode.sync_interval) + " batches",
                      "learn.sync_interval", "give 1 or more");
  }
  if (mode.sync_offset < 0) {
    throw usage_error("explorers that are " + std::to_string(mode.sync_offset) + " batches ahead",
                      "learn.sync_offset", "give 0 or more");
  }
  if (updates_per_batch < 1) {
    throw usage_error("batches of no update", "learn.updates_per_batch", "give 1 or more");
  }
  if (reuse < 1) {
    throw usage_error("experiences that are in no batch", "learn.reuse", "give 1 or more");
  }
}

// Both sides wait for each other: the versions follow from interval and offset.
void check_meeting(const ModeSettings& mode, int updates_per_batch, int reuse) {
  if (mode.overage == Overage::discard) {
    throw usage_error("where both sides meet nothing becomes too stale to be discarded",
                      "learn.overage", "say overage=pace, or sync_style=free");
  }
  const bool on_policy = mode.most_staleness == 0;
  if (on_policy && reuse > 1) {
    throw usage_error(
        "strictly on-policy (most_staleness=0), an experience is trained on once: "
        "after that its policy is no longer the one that is trained",
        "learn.reuse", "say reuse=1, or allow staleness");
  }
  const uint64_t follows =
      in_updates(mode.sync_interval - 1 + mode.sync_offset + reuse - 1, updates_per_batch);
  if (mode.most_staleness < follows) {
    throw usage_error("sync_interval=" + std::to_string(mode.sync_interval) + ", sync_offset=" +
                          std::to_string(mode.sync_offset) + " and reuse=" + std::to_string(reuse) +
                          " make experiences " + updates(follows) +
                          " stale, more than most_staleness=" + std::to_string(mode.most_staleness),
                      "learn.most_staleness", "allow " + std::to_string(follows) + " or more");
  }
}

void check_free(const ModeSettings& mode, int updates_per_batch, int reuse) {
  if (mode.sync_offset != 0) {
    throw usage_error("explorers that wait for nobody are no fixed number of batches ahead",
                      "learn.sync_offset", "say sync_offset=0; learn.most_staleness bounds them");
  }
  const uint64_t needed = in_updates(mode.sync_interval + reuse - 1, updates_per_batch);
  if (mode.most_staleness < needed) {
    throw usage_error("weights that come after every " +
                          updates(in_updates(mode.sync_interval, updates_per_batch)) +
                          ", for experiences in " + std::to_string(reuse) +
                          (reuse == 1 ? " batch" : " batches") + " each, make them " +
                          updates(needed) + " stale where nobody waits, more than most_staleness=" +
                          std::to_string(mode.most_staleness),
                      "learn.most_staleness",
                      "allow " + std::to_string(needed) + " or more, or say sync_style=meet");
  }
}

}  // namespace

ModeSettings preset(const std::string& name, int updates_per_batch) {
  ModeSettings mode;
  mode.name = name;
  if (name == "synchronous") return mode;
  if (name == "one_step_off_policy") {
    mode.sync_offset = 1;
    mode.most_staleness = in_updates(1, updates_per_batch);
    return mode;
  }
  mode.method = SyncMethod::checkpoint;
  mode.most_staleness = in_updates(batches_ahead, updates_per_batch);
  mode.style = SyncStyle::free;
  if (name == "fully_async") return mode;
  mode.style = SyncStyle::turns;
  if (name == "multi_explorer") return mode;
  throw usage_error("unknown mode '" + name + "'", "learn.mode",
                    "say synchronous, one_step_off_policy, fully_async or multi_explorer");
}

void check(const ModeSettings& mode, int explorers, int updates_per_batch, int reuse) {
  check_counts(mode, updates_per_batch, reuse);
  if (mode.style == SyncStyle::meet) {
    check_meeting(mode, updates_per_batch, reuse);
    return;
  }
  if (mode.style == SyncStyle::turns && explorers == 1) {
    throw usage_error("one explorer has nobody to take turns with", "learn.sync_style",
                      "start two or more explorers, or say sync_style=free");
  }
  check_free(mode, updates_per_batch, reuse);
}

}  // namespace podium::learn
