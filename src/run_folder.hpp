// The folder of a run, made ready before anything is written into it.
#pragma once

#include <filesystem>

#include "config.hpp"
#include "io/files/file_lock.hpp"

namespace podium {

// Creates the folder if need be and writes config.cfg, the effective configuration. Throws io_error
// when the folder cannot be written.
void prepare_run_folder(const std::filesystem::path& folder, const Config& config);

// The same for a job that trains: the folder is its own until the lock goes, which the kernel frees
// when the process ends. Also throws io_error for a part of the folder that could not be written
// later, and unavailable_error while another job trains there.
io::FileLock prepare_training_folder(const std::filesystem::path& folder, const Config& config);

}  // namespace podium
