// JobView: the events of a job as bars and lines of its board (core/board.hpp).
//
// What a pipeline shows follows from the events that its conductor gets; verbs that are one step of
// it put their own bars there with the functions below. Belongs to one thread.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "core/board.hpp"
#include "io/cache/ingest.hpp"
#include "serve/service.hpp"
#include "train/advance.hpp"
#include "train/progress.hpp"
#include "train/recipe.hpp"
#include "workflow/job.hpp"

namespace podium::workflow {

// How far a model is, while an epoch is under way and after one.
Advance advance_of(const train::EpochAdvance& advance);
Advance advance_of(const train::Recipe& recipe, const train::Progress& progress);

// The same as an event for the conductor, under the key of the board that it belongs to.
Json advance_event(const std::string& key, const Advance& advance);

// Of records that a rank writes into a cache.
Advance ingest_advance(uint64_t done, uint64_t total);

// "version 2  2 of 2 replicas  1530 requests  p50 0.84 ms", and what went wrong.
std::string service_line(const serve::ServiceStats& stats);

class JobView {
 public:
  // Both outlive the view. Shows the roles.
  JobView(const Job& job, Board& board);

  // Any event that the conductor gets.
  void note(const Json& event);

 private:
  void on_ingested(const Json& event);
  void on_epoch(const Json& event);
  void on_selected(const Json& event);
  void on_deployed(const Json& event);
  void on_tested(const Json& event);
  std::string front_door() const;

  const Job& job_;
  Board& board_;
  std::string address_;   // of the first service
  size_t serving_ = 0;    // ranks whose front doors are open
  size_t answering_ = 0;  // of them, with the version that was published last
  int version_ = 0;       // that was published last
};

}  // namespace podium::workflow
