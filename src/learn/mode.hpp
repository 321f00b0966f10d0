// Mode: how explorers and trainers are kept in step, as four settings with names for their sensible
// combinations.
#pragma once

#include <cstdint>
#include <string>

namespace podium::learn {

enum class SyncMethod {
  direct,      // trainers hand weights to explorers
  checkpoint,  // they go through the checkpoint engine
};
enum class SyncStyle {
  meet,   // both sides wait for each other at every sync
  free,   // trainers publish, explorers take what is newest between two rollouts
  turns,  // as free, but one explorer after the other, so that some are always exploring
};
// What of rollouts that would become too stale.
enum class Overage {
  pace,     // they are not begun
  discard,  // they are dropped
};

struct ModeSettings {
  std::string name;       // of the preset, or "custom"
  int sync_interval = 1;  // batches that are trained on between two syncs
  int sync_offset = 0;    // batches that explorers are ahead
  SyncMethod method = SyncMethod::direct;
  SyncStyle style = SyncStyle::meet;
  uint64_t most_staleness = 0;  // in updates
  Overage overage = Overage::pace;
};

// synchronous | one_step_off_policy | fully_async | multi_explorer. Throws usage_error.
// `updates_per_batch` optimizer steps are taken on each batch.
ModeSettings preset(const std::string& name, int updates_per_batch);

// Throws usage_error that says why a combination makes no sense.
void check(const ModeSettings& mode, int explorers, int updates_per_batch, int reuse);

}  // namespace podium::learn
