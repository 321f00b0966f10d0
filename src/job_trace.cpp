#include "job_trace.hpp"

#include "comm/barrier.hpp"
#include "comm/broadcast.hpp"
#include "comm/clock_sync.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "core/trace_merge.hpp"
#include "verb_parts.hpp"

namespace podium {

void JobTrace::begin(const std::filesystem::path& run_dir, const std::string& verb,
                     const Config& config) {
  std::unique_ptr<comm::Communicator> group = mpi_.world("trace");
  group->set_policy({std::chrono::seconds(config.integer("comm.timeout_s")), Backoff::Kind::hot});
  comm::barrier(*group, patient);  // rank 0 may have waited for the run folder
  std::string folder;
  if (mpi_.rank() == 0) {
    try {
      folder = make_trace_folder(run_dir, verb).string();
    } catch (const Error& error) {
      log_.warning(std::string("there is no trace: ") + error.what());
    }
  }
  folder_ = comm::broadcast_text(*group, folder, 0);
  if (folder_.empty()) return;
  run_dir_ = run_dir;
  group_ = std::move(group);
  const TraceProcess process{"rank " + std::to_string(mpi_.rank()), mpi_.rank(), verb};
  tracer_.emplace(TraceTicket{folder_, static_cast<size_t>(config.integer("log.trace_spans"))},
                  process, log_);
  tell_clock();
}

void JobTrace::end() {
  if (!group_) return;
  comm::barrier(*group_, patient);
  tell_clock();
  tracer_->close();
  comm::barrier(*group_, patient);  // all files are complete
  if (mpi_.rank() == 0) merge();
}

void JobTrace::tell_clock() {
  if (const auto offset = comm::measure_clock(*group_)) tracer_->tell_clock(*offset);
}

void JobTrace::merge() const {
  try {
    const std::optional<MergedTrace> merged = merge_traces(run_dir_, folder_);
    if (!merged) return;
    std::string line =
        format("trace: %zu spans of %zu process%s in %s", merged->spans, merged->processes,
               merged->processes == 1 ? "" : "es", merged->path.c_str());
    if (merged->left_out > 0) {
      line += format(", %llu left out (--log.trace_spans)",
                     static_cast<unsigned long long>(merged->left_out));
    }
    if (merged->error_ns && *merged->error_ns > 0) {
      line += format("; clocks agree to %.1f us", static_cast<double>(*merged->error_ns) * 1e-3);
    }
    log_.info(line);
  } catch (const std::exception& error) {
    log_.warning(std::string("the trace stays in parts, in ") + folder_.string() + ": " +
                 error.what());
  }
}

}  // namespace podium
