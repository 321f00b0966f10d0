// RankRecord: what a rank leaves in the run folder about itself, whatever becomes of it.
//
// Its log file RUN/log/rank-N.log, to which it says its last words if a signal kills it; the
// `failed` event if it fails; and on the first rank of each node the witness of the job. A verb
// without a folder of its own has a record that keeps nothing.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "comm/mpi/mpi_environment.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/log_file.hpp"
#include "witness.hpp"

namespace podium {

// Where and of what a record is.
struct RecordOf {
  std::filesystem::path run_dir;
  std::string job;    // its name in metrics.jsonl, on rank 0
  std::string roles;  // that this rank plays, as "ingest+serve"
};

class RankRecord {
 public:
  // Lines of this rank, which `next` shows.
  RankRecord(const comm::MpiEnvironment& mpi, std::shared_ptr<LogSink> next);

  // For the rank's Log.
  std::shared_ptr<LogSink> sink() const { return file_; }

  // The run folder is ready on the first rank: from now on there is a record. Collective.
  void begin(comm::MpiEnvironment& mpi, const RecordOf& what, const Stopwatch& started);

  bool begun() const { return !order_.job.empty(); }

  // Why this rank ends the job: as its last line, at once; and as an event.
  void keep_error(const std::string& text);
  void failed(const std::string& text, ExitCode code) noexcept;

  // The job has come to a good end.
  void end();

 private:
  void start_witness(const nlohmann::ordered_json& ranks, const std::string& space);

  int rank_;
  std::string name_;
  std::shared_ptr<LogFile> file_;
  WitnessOrder order_;  // empty before begin()
  std::string event_head_;
  Witness witness_;
};

}  // namespace podium
