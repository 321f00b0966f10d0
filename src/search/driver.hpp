// Driver: the loop of a search, on rank 0.
//
// Controllers propose batches of networks, as many as each has children. Networks become trials;
// once all of a batch are decided, their rewards go back to the controller, which learns and
// proposes again. From a batch of networks that were all proposed before it learns nothing.
// Controllers do not wait for each other.
//
// A batch counts when it is whole: the ledger, metrics.jsonl and the checkpoint know whole batches.
// What a controller depended on before it drew a batch is kept with the batch: a controller that
// died, or a search that goes on from its checkpoint, draws it again, and what was trained of it
// meanwhile is in the memo. A batch that counts already is not drawn again: until the controller's
// next proposal shows that it has learnt from it, its samples are kept, and go to the next process.
//
// The search ends after its samples or its time, whichever is first, when it is told to stop, or
// when it only repeats itself: after many samples in a row that were all known. It fails when every
// child, or every controller, is left down.
//
// Threads: belongs to one thread.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "core/clock.hpp"
#include "core/log.hpp"
#include "core/metrics_log.hpp"
#include "search/ledger.hpp"
#include "search/memo.hpp"
#include "search/method.hpp"
#include "search/staff.hpp"
#include "search/theta_servers.hpp"
#include "search/trials.hpp"

namespace podium::search {

struct DriverOptions {
  MethodOptions method;  // of the controller 0
  size_t samples = 0;    // 0: no limit
  double seconds = 0;    // over all jobs of the search; 0: no limit
  TrialLimits limits;
  Json identity;                 // whose checkpoints are gone on from: space, method, layout, data
  std::filesystem::path folder;  // of the checkpoint
  std::function<bool()> should_stop;
  std::function<void(const Ledger&)> on_sample = {};  // after each
};

struct SearchOutcome {
  bool stopped = false;  // before its end; the checkpoint says where
  Ledger ledger;
  double seconds = 0;           // of all jobs of the search
  double mean_entropy = 0;      // of the last proposals of all controllers, nats
  double child_cpu_s = 0;       // of this job
  double child_busy_share = 0;  // of the cores that children may use, in this job
  int child_deaths = 0;         // in this job
  int server_restarts = 0;      // in this job
  int controller_deaths = 0;    // in this job
  std::string end;              // why it ended: "samples", "time", "stop", "repetition"
};

class Driver {
 public:
  // All references must outlive the driver. Takes up the checkpoint of an equal search. Throws
  // io_error, data_error for a damaged checkpoint.
  Driver(const DriverOptions& options, const Space& space, const SearchLayout& layout, Staff& staff,
         ThetaServers& theta, Memo& memo, MetricsLog& metrics, Log log);

  // Call it once. Throws unavailable_error when nobody is left who could search; io_error when a
  // search that is to stop cannot be saved.
  SearchOutcome run();

  // Removes the checkpoint: the next search starts anew. To be called once what this one has found
  // is on the disk.
  void forget();

 private:
  struct Batch {
    uint64_t number;
    std::vector<Choices> choices;
    std::vector<std::optional<Sampled>> samples;  // by place; empty: not decided
  };
  struct Controller {
    Json state;      // from before it drew its last proposal
    Json unlearned;  // samples of that proposal, counted, that no later state knows of; or null
    double entropy = 0;
    bool down = false;
    bool learns = false;           // its next state is on its way
    std::optional<Json> proposal;  // that waits to be taken up
    std::optional<Batch> batch;    // under way
  };

  Json find_checkpoint() const;
  void resume();
  void handle(const CrewEvent& event);
  void on_controller(size_t number, const CrewEvent& event);
  void on_message(size_t number, const Json& message);
  void take_up_proposals();
  void begin_batch(size_t number, size_t count);
  void take_verdicts();
  void finish_batch(size_t number);
  void tell(size_t number, const Sampled& sampled);
  void check_somebody_is_left() const;
  size_t samples_under_way() const;
  double elapsed_s() const { return earlier_s_ + watch_.seconds(); }
  std::string reason_to_end() const;
  void save();
  void save_if_due();
  void save_if_possible();
  void save_at_rest();
  bool anybody_learns() const;
  SearchOutcome outcome(const std::string& end);

  std::filesystem::path checkpoint_file() const { return options_.folder / "search.h5"; }

  const DriverOptions& options_;
  const Space& space_;
  const SearchLayout& layout_;
  Staff& staff_;
  ThetaServers& theta_;
  MetricsLog& metrics_;
  Log log_;
  Trials trials_;
  std::vector<Controller> controllers_;
  std::string last_words_;  // of a controller that died
  int controller_deaths_ = 0;
  Ledger ledger_;
  uint64_t batches_ = 0;
  double earlier_s_ = 0;  // of jobs before this one
  Stopwatch watch_;
  Stopwatch since_save_;
  bool unsaved_ = false;
};

}  // namespace podium::search
