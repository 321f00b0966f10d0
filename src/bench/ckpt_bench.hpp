// What `podium bench ckpt` measures: updates of all inference workers through the checkpoint
// engine, by each schedule, against what memory allows.
//
// A model of the given size lies in the shards of pods x devices checkpoint ranks. Each device has
// a worker process, and those of a pod share one copy of the model, as inference engines that split
// it do. The limit is the time in which all ranks together copy the model once for each pod, by
// memcpy from memory to memory, measured in the same run. The row "changes" is an update in which a
// tenth of the chunks has other bytes than in the version before. Where
// ranks have GPUs, weights stay on them, and the limit is the copy from pinned memory to the GPUs.
// Under mpirun the ranks are processes; a process alone plays all of them by threads.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "ckpt/engine/engine.hpp"
#include "comm/mpi/mpi_environment.hpp"

namespace podium::bench {

struct CkptBenchOptions {
  int pods = 1;
  int devices = 0;  // of a pod; 0: ranks / pods, or 4 alone
  uint64_t size_bytes = uint64_t{512} << 20;
  int repetitions = 5;
  std::filesystem::path trace_folder;  // empty: none
  ckpt::engine::EngineOptions engine;
  std::chrono::milliseconds timeout{120'000};
};

struct CkptRow {
  std::string way;     // "one", "two", "three", "auto (two)", "changes", "p2p"
  double seconds = 0;  // of an update, the median
  double spread = 0;
  double swap_s = 0;         // the longest pause of a worker
  uint64_t bytes = 0;        // of the weights that workers have then
  uint64_t taken_bytes = 0;  // of which they took so many
  uint64_t sent_bytes = 0;   // from pod to pod
};

struct CkptBench {
  uint64_t size_bytes = 0;
  int pods = 1;
  int devices = 1;
  double gather_s = 0;          // of the metas
  double copy_bytes_per_s = 0;  // of all ranks together
  bool on_gpus = false;         // and from pinned memory to GPUs, not from memory to memory
  uint64_t bucket_bytes = 0;
  std::vector<CkptRow> rows;  // the first is `one`

  double limit_s() const { return static_cast<double>(size_bytes) * pods / copy_bytes_per_s; }
};

// Collective over all ranks of `mpi`; filled on rank 0. Throws usage_error when ranks are not pods
// x devices, and what the engine throws.
CkptBench bench_ckpt(comm::MpiEnvironment& mpi, CkptBenchOptions options);

std::string to_text(const CkptBench& bench);
nlohmann::ordered_json to_json(const CkptBench& bench);

}  // namespace podium::bench
