// Seals: the 512 bytes at the head of every HDF5 file of ours (its user block) that vouch for the
// rest.
//
// A seal is text: schema, version, size and XXH3 of all that follows it. HDF5 readers skip it. It
// is verified before the HDF5 library sees a byte, so that damaged metadata is never interpreted.
// Grammar: docs/formats.md. Free functions, thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include "io/files/atomic_file.hpp"

namespace podium::io {

inline constexpr size_t seal_bytes = 512;

// What kind of file, and the newest version of it that this program understands.
struct Schema {
  const char* name;  // "podium.snapshot"
  int version;
  const char* remedy;  // what a user does about a damaged file of this kind
};

struct Seal {
  std::string schema;
  int version = 0;
  uint64_t bytes = 0;  // of the whole file, seal included
  uint64_t xxh3 = 0;   // of everything after the seal
};

// Writes the seal into the first 512 bytes of `file`, whose content is complete, and publishes it.
Seal seal_and_publish(TemporaryFile& file, const Schema& schema,
                      FolderSync folder = FolderSync::now);

// Reads the seal alone. Throws io_error, and data_error for a file of another kind, a newer
// version, or another size than sealed.
Seal read_seal(const std::filesystem::path& path, const Schema& schema);

// Whether the content matches the seal.
bool content_matches(const std::filesystem::path& path, const Seal& seal);

// read_seal() and content_matches(); throws data_error when it does not.
Seal verify_seal(const std::filesystem::path& path, const Schema& schema);

}  // namespace podium::io
