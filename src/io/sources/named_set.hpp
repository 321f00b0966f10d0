// The data sets that Podium knows by name: where they are found, and how they are recognised.
#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "io/sources/source.hpp"

namespace podium::io {

struct NamedSet {
  std::string name;
  std::vector<std::string> class_names;
  std::vector<std::filesystem::path> folders;  // where systems install it
  std::vector<std::string> mirrors;            // URLs of folders with the four .gz files
  std::array<std::string, 4> sha256;           // of the .gz files, in the order of idx_file_names
  std::string remedy;                          // how else a user gets it
};

// All of them.
const std::vector<NamedSet>& named_sets();

// Opens `set` from the first place that has it: the data folders, the download folder, a mirror.
// Throws what fetch() throws.
std::unique_ptr<Source> open_named_set(const NamedSet& set, const SourceOptions& options);

}  // namespace podium::io
