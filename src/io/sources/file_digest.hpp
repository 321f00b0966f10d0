// A file's size and bytes as part of a source's digest. Thread-safe.
#pragma once

#include <filesystem>

#include "core/hash.hpp"

namespace podium::io {

// Adds size and bytes of the file, as they are on disk, in constant memory. Throws io_error.
void add_file(Xxh3Stream& digest, const std::filesystem::path& path);

}  // namespace podium::io
