// What `podium bench allreduce` measures: sums over all ranks of the job, by each algorithm and
// size, in the terms of nccl-tests.
//
// Time is that of the slowest rank, the median of the repetitions, in each of which all candidates
// of a size take turns. algbw is bytes / time; busbw is algbw * 2 (P-1) / P, which compares with
// the speed of memory or a link whatever the number of ranks; both count a vector's own bytes, also
// where it is rounded on the way. Values are small integers, so that sums are exact, and #wrong
// counts those that are not, on any rank. Beside ours stand
// MPI_Allreduce as the library chooses and by each algorithm that Open MPI can be held to, of which
// the fastest is told; and what the cost model, calibrated at the start, predicts.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "bench/table.hpp"
#include "comm/allreduce/cost_model.hpp"
#include "comm/allreduce/wire.hpp"
#include "comm/mpi/mpi_environment.hpp"
#include "core/log.hpp"

namespace podium::bench {

struct AllReduceBenchOptions {
  size_t least_bytes = size_t{1} << 10;
  size_t most_bytes = size_t{64} << 20;
  int factor = 4;                              // from one size to the next
  std::vector<comm::Algorithm> algorithms;     // `automatic` among them
  std::string type = "float";                  // or "double"
  comm::WireType wire = comm::WireType::fp32;  // of floats
  int repetitions = 5;
  double seconds = 0.1;     // of the sums of one repetition, about
  std::string calibration;  // file where the model is kept; empty: none
  Log log;
};

// One size and algorithm.
struct AllReduceRow {
  size_t bytes = 0;
  size_t count = 0;
  std::string type;
  std::string wire;       // how values travel: "fp32", or what they are rounded to
  std::string algorithm;  // "auto (hierarchical)" where auto chose
  double out_of_place_s = 0;
  double in_place_s = 0;
  double spread = 0;  // of in place
  uint64_t wrong_out_of_place = 0;
  uint64_t wrong_in_place = 0;
  double model_s = 0;
  double mpi_s = 0;           // in place, the fastest of Open MPI's
  std::string mpi_algorithm;  // which that is
  double mpi_default_s = 0;   // as the library chooses

  double algbw(double seconds) const { return static_cast<double>(bytes) / seconds; }
};

struct AllReduceBench {
  int ranks = 1;
  int nodes = 1;
  double memcpy_bytes_per_s = 0;  // one rank's, read and written, while all ranks copy
  std::string model;              // what auto chooses, by size
  std::vector<AllReduceRow> rows;
};

// Collective over all ranks of `mpi`; all return the same. Throws what comm::AllReduce throws.
AllReduceBench bench_allreduce(comm::MpiEnvironment& mpi, const AllReduceBenchOptions& options);

std::string to_text(const AllReduceBench& bench);
// As the rows of other benchmarks: ours and theirs in us, in place; the limit is what the memory's
// speed allows.
nlohmann::ordered_json to_json(const AllReduceBench& bench);

}  // namespace podium::bench
