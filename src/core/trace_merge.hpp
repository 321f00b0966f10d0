// The traces of a run folder: a folder for each job (RUN/trace/JOB), in it a file for each of its
// processes (trace.hpp), and RUN/trace.json, in which those of the last job are together on the
// clock of rank 0 (docs/tracing.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace podium {

// Makes the folder of a job that begins: names sort by time. Traces of the last few jobs stay
// beside it, older ones go, as does the trace.json of the job before. Throws io_error.
std::filesystem::path make_trace_folder(const std::filesystem::path& run_dir,
                                        const std::string& verb);

struct MergedTrace {
  std::filesystem::path path;
  size_t processes = 0;
  size_t spans = 0;
  uint64_t left_out = 0;            // spans that lanes had no room for
  std::optional<int64_t> error_ns;  // of the clocks; none: some are only known by the time of day
};

// Writes RUN/trace.json of what the processes of a job have left, whether they have ended or not:
// of `job`, a folder that make_trace_folder() made, or of the last one. Lines and files that cannot
// be understood are left out. Returns none, and writes nothing, where there is no trace. Throws
// io_error.
std::optional<MergedTrace> merge_traces(const std::filesystem::path& run_dir,
                                        const std::filesystem::path& job = {});

}  // namespace podium
