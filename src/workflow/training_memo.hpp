// TrainingMemo: a model that was trained before, on the same data, by the same recipe and by the
// same program, is not trained again.
//
// The candidate in the registry is the memo: its card says what it came of, its seal whether it is
// still what was written. Free functions.
#pragma once

#include <optional>
#include <string>

#include "ckpt/snapshot.hpp"
#include "workflow/training_step.hpp"

namespace podium::workflow {

// All that decides what a training comes to, but for rounding; it stands in the candidate's card.
Json training_identity(const train::Recipe& recipe, const io::DatasetInfo& dataset,
                       const Settings& settings);

struct Recalled {
  std::optional<ckpt::Snapshot> candidate;  // if the training may be skipped
  std::string reason;                       // one sentence for people
};

// Whether --memo and the registry of the run folder allow it. A candidate that is damaged is
// not used, and the reason says so.
Recalled recall_training(const train::Recipe& recipe, const io::DatasetInfo& dataset,
                         const Settings& settings);

struct Memo {
  std::optional<TrainingOutcome> outcome;  // of the training that may be skipped
  std::string reason;                      // on rank 0
};

// The same on all ranks. `max_batch` bounds the batches of the model. Collective over `group`.
Memo recall_together(const train::Recipe& recipe, const io::Dataset& dataset,
                     const Settings& settings, int threads, int max_batch,
                     comm::Communicator& group, const Log& log);

}  // namespace podium::workflow
