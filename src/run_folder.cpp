#include "run_folder.hpp"

#include <unistd.h>

#include <array>
#include <chrono>
#include <fstream>
#include <string>

#include "ckpt/node_memory.hpp"
#include "core/error.hpp"
#include "io/files/atomic_file.hpp"

namespace podium {
namespace {

namespace fs = std::filesystem;

// What a job writes late, when much has been computed.
constexpr std::array<const char*, 5> late_parts = {"checkpoints", "registry", "registry/candidates",
                                                   "registry/versions", "evaluation"};

// A job that was just killed may take a moment to go.
constexpr std::chrono::seconds lock_timeout{1};
constexpr std::chrono::seconds setup_timeout{60};

// "process 4711 on node-3"
std::string this_process() {
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) return "process " + std::to_string(getpid());
  return "process " + std::to_string(getpid()) + " on " + host.data();
}

// What the holder of a lock wrote into its file; empty when that cannot be read.
std::string holder_of(const fs::path& lock) {
  std::string holder;
  std::getline(std::ifstream(lock), holder);
  return holder;
}

io::FileLock lock(const fs::path& path, io::FileLock::Kind kind, const fs::path& folder,
                  const std::string& who) {
  try {
    io::FileLock lock(path, lock_timeout, {}, kind);
    // In place: a file of another inode would be another lock. A name that is missing only makes
    // the error of the next job less helpful.
    std::ofstream(path, std::ios::trunc) << this_process() << "\n";
    return lock;
  } catch (const Error& error) {
    if (error.code() != ExitCode::unavailable) throw;
    const std::string holder = holder_of(path);
    throw unavailable_error(who + (holder.empty() ? "" : ", " + holder), folder.string(),
                            "wait for its end, or give this job another --run.dir");
  }
}

// Of models, and of what is made ready together.
fs::path locks_of(const fs::path& folder) {
  return folder / "locks";
}

TrainingLock lock_folder(const fs::path& folder, const std::string& model) {
  using Kind = io::FileLock::Kind;
  const char* other = "another job trains in this run folder";
  const fs::path all = folder / "lock";
  if (model.empty()) return {lock(all, Kind::exclusive, folder, other), {}};
  TrainingLock both{lock(all, Kind::shared, folder, other), {}};
  both.model = lock(locks_of(folder) / ("model-" + model), Kind::exclusive, folder,
                    "another job trains model '" + model + "' in this run folder");
  return both;
}

// A folder that is not there yet is made when it is needed.
void check_late_part(const fs::path& folder) {
  std::error_code ignored;
  if (fs::symlink_status(folder, ignored).type() == fs::file_type::not_found) return;
  if (!fs::exists(folder, ignored)) {
    throw Error(ExitCode::io, "a link that leads nowhere stands in place of a folder",
                folder.string(), "remove it, or make the folder that it names");
  }
  io::create_folder(folder);
  const io::TemporaryFile probe(folder / "probe");
}

}  // namespace

void prepare_run_folder(const fs::path& folder, const Config& config) {
  io::create_folder(folder);
  io::write_text_file(folder / "config.cfg", config.print());
}

TrainingLock prepare_training_folder(const fs::path& folder, const Config& config,
                                     const std::string& model) {
  io::create_folder(folder);
  io::create_folder(locks_of(folder));
  TrainingLock lock = lock_folder(folder, model);
  // Jobs that come at the same time agree on one mark.
  const io::FileLock turn(locks_of(folder) / "setup", setup_timeout);
  for (const char* part : late_parts) check_late_part(folder / part);
  prepare_run_folder(folder, config);
  ckpt::mark_run(folder);
  return lock;
}

}  // namespace podium
