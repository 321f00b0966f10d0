// The folder of a run, made ready before anything is written into it.
#pragma once

#include <filesystem>

#include "config.hpp"

namespace podium {

// Creates the folder if need be and writes config.cfg, the effective configuration. Throws io_error
// when the folder cannot be written.
void prepare_run_folder(const std::filesystem::path& folder, const Config& config);

}  // namespace podium
