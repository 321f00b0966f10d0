// Conductor: the thread on rank 0 that leads a pipeline job.
//
// It receives events, gives orders, tells the metrics log, and ends with the job's summary.
//   events   ingested, epoch, selected, moved, tested, stopped   from ingest, train and ckpt ranks
//            asked                                        from the trainer that is the asker
//            serving, deployed, front_door, drained       from serving ranks
//            left                                         from every role that has ended
//            signal                                       from the signal watch of any rank
//            advance                                      from ingest and train ranks: only to be
//            seen
//   orders   train {cache}, test {asker}, stop, end       to train ranks
//            ask {server}                                 to the asker
//            deploy {version, path, name}, drain          to serving ranks
//            test {cache}                                 to the first serving rank
//            move {version, owner, model, workers},
//            drop {version, published, owner, model}, end to ckpt ranks
// Selection and deployment are asynchronous: a published model is deployed while others train.
//
// On SIGTERM, SIGINT or SIGUSR1 while models train, the trainers stop at the last checkpoint, the
// service drains, and the job ends with exit code 75; once all is trained, it drains and ends.
#pragma once

#include <functional>
#include <map>

#include "core/clock.hpp"
#include "core/log.hpp"
#include "core/metrics_log.hpp"
#include "workflow/job.hpp"
#include "workflow/job_view.hpp"
#include "workflow/summary.hpp"

namespace podium::workflow {

// Shows a summary to people.
using Show = std::function<void(const Summary&)>;

class Conductor {
 public:
  // `started` runs since the start of the job; all events go to `metrics`. `board`
  // shows how far the job is. All outlive the conductor.
  // `show` gets the summary once all is trained and tested, before the service lingers.
  Conductor(const Job& job, const Stopwatch& started, Log log, Show show, MetricsLog& metrics,
            Board& board);

  // Leads the job to its end and returns what it did. Throws when an event reports a failure.
  Summary conduct();

 private:
  // The phases, in order. Each returns when it is over or a stop was asked for.
  void ingest();  // and the front doors open: nothing is trained that could not be served
  void train_and_deploy();
  void stop_training();
  void test();
  void linger();
  void drain();

  // Handles one event; waits for it.
  void handle_next_event();
  void handle(const Json& event);
  void serve_published();
  void on_ingested(const Json& event);
  void on_memory_cache(const Json& event);
  void on_moved(const Json& event);
  void check_recipes() const;
  void on_selected(const Json& event);
  void on_tested(const Json& event);
  void on_deployed(const Json& event);
  void on_front_door(const Json& event);
  void on_asked(const Json& event);
  void on_drained(const Json& event);
  void on_signal(const Json& event);
  void on_time_limit();

  void order(Role role, const Json& message);
  void deploy(const Json& selected);
  bool deployed_everywhere() const;
  int asker() const;
  void record(Json event);

  const Job& job_;
  const Stopwatch& started_;
  Log log_;
  Show show_;
  MetricsLog& metrics_;
  JobView view_;
  Summary summary_;

  std::string cache_;        // empty until ingested
  uint64_t generation_ = 0;  // of the cache, which all trainers see
  size_t models_left_;       // not yet selected
  size_t tests_left_ = 0;    // models whose test accuracy is due
  size_t serving_ranks_up_ = 0;
  size_t serving_ranks_drained_ = 0;
  std::map<int, std::string> serving_nodes_;  // node by serving rank
  int newest_version_ = 0;
  std::vector<int> deployed_version_;  // per world rank; 0: none
  std::vector<float> over_http_;       // what the front door answered to the first requests
  bool stop_asked_ = false;
  size_t groups_stopped_ = 0;
  bool trainers_wait_ = true;  // for an order
  size_t roles_left_ = 0;      // (rank, role) pairs that have not ended
};

}  // namespace podium::workflow
