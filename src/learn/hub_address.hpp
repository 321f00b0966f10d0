// Where the hub is, as a file for explorers of other jobs: RUN/learn.json, for its owner's eyes
// only.
#pragma once

#include <filesystem>

#include "learn/hub_messages.hpp"

namespace podium::learn {

// Complete under its name or not there. Throws io_error.
void write_hub_address(const std::filesystem::path& file, const HubAddress& address);

// Throws io_error; data_error for a file that is none of these.
HubAddress read_hub_address(const std::filesystem::path& file);

}  // namespace podium::learn
