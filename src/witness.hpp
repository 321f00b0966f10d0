// Witness: a process that outlives a job which dies, and then says how.
//
// The first rank of every node starts one beside the job: this executable without MPI, in a process
// group of its own, with nothing of the rank's open but a socket. What the rank says on it at a
// good end, "ended", ends the witness silently. End-of-file without that word means that the rank
// has died: the witness waits until the other ranks of its node are gone, and then, unless a rank
// has told of its own failure, appends the `failed` event to metrics.jsonl: who died first, and
// what each rank had said last. In the end it has the report written. It lives at most a minute
// longer than its rank, and leaves the folder alone when another job has begun there, or when the
// folder is gone.
//
// The witnesses of other nodes do the same a little later, so that one of them speaks even if a
// whole node is lost; whoever comes first speaks for all.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/channel.hpp"
#include "core/worker_process.hpp"

namespace podium {

// A rank on the node of the witness.
struct SeenRank {
  int rank = 0;
  pid_t process = 0;
  std::string roles;
};

// What a witness knows of its job.
struct WitnessOrder {
  std::filesystem::path run_dir;
  std::string job;  // tells it from others in this folder
  std::string node;
  int turn = 0;            // of this node among those of the job
  int64_t started_ns = 0;  // of the job, on the steady clock
  pid_t launcher = 0;      // that all ranks of the node die with; 0: none
  std::vector<SeenRank> ranks;
};

class Witness {
 public:
  Witness() = default;  // there is none
  // Throws io_error.
  explicit Witness(const WitnessOrder& order);

  // The job has come to a good end.
  void dismiss();

 private:
  std::optional<WorkerProcess> process_;
  Channel channel_;
};

bool is_witness_command(const std::vector<std::string>& arguments);

// The process itself; returns its exit code.
int witness(const std::vector<std::string>& arguments);

// What a rank has sent it.
WitnessOrder witness_order_from(const Json& json);

// The file that names the newest job in a run folder.
std::filesystem::path job_mark(const std::filesystem::path& run_dir);

// Where the processes of a run say what they do.
std::filesystem::path log_folder(const std::filesystem::path& run_dir);

}  // namespace podium
