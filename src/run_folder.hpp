// The folder of a run, made ready before anything is written into it.
#pragma once

#include <filesystem>
#include <string>

#include "config.hpp"
#include "io/files/file_lock.hpp"

namespace podium {

// Creates the folder if need be and writes config.cfg, the effective configuration. Throws io_error
// when the folder cannot be written.
void prepare_run_folder(const std::filesystem::path& folder, const Config& config);

// What a job that trains holds of its run folder, until the kernel frees it when the process ends.
struct TrainingLock {
  io::FileLock folder;  // shared by jobs that train one model each
  io::FileLock model;   // nobody else trains it here
};

// The same for a job that trains: `model` alone, or, if that is empty, whatever it likes, which
// nobody else does in this folder meanwhile. Also throws io_error for a part of the folder that
// could not be written later, and unavailable_error while another job is in the way.
TrainingLock prepare_training_folder(const std::filesystem::path& folder, const Config& config,
                                     const std::string& model);

}  // namespace podium
