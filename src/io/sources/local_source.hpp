// Sources in the local file system, told by what is found at a path.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "io/sources/source.hpp"

namespace podium::io {

// Opens the file or folder `path` under the cache name `name`, with options.transform applied;
// options.source is the text it was named by. Throws data_error that lists what is understood when
// it is nothing of that; io_error when it cannot be looked at.
std::unique_ptr<Source> open_local(const std::filesystem::path& path, std::string name,
                                   const SourceOptions& options);

}  // namespace podium::io
