// What each role of a pipeline job does, from its first order to its last. Each function runs in a
// thread of its own on every rank that plays the role, reads its rank's mailbox, and tells the
// conductor what happened. The vocabulary of orders and events is in conductor.hpp.
#pragma once

#include "core/log.hpp"
#include "workflow/job.hpp"

namespace podium::workflow {

// Brings the cache up to date at once, then ends.
void play_ingest(const Job& job, const Log& log);

// Trains the models of its group when told where the cache is; evaluates them on the test split
// when told that selection is over.
void play_train(const Job& job, const Log& log);

// Receives finished models, stores them as candidates, and publishes the best so far.
void play_ckpt(const Job& job, const Log& log);

// Answers predictions with the version it was last told to deploy.
void play_serve(const Job& job, const Log& log);

}  // namespace podium::workflow
