// Snapshot: named buffers and a card that describes them, as one durable file.
//
// The file is HDF5 (docs/formats.md), sealed and published atomically: a reader sees the whole file
// or none, and any flipped bit is refused with the name of the file and, where it can be told, of
// the buffer. Free functions; safe to call from several threads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "io/files/seal.hpp"

namespace podium::ckpt {

// REQUIRES: the product of `shape` is values.size().
struct NamedBuffer {
  std::string name;  // any text without '/' and control characters, unique in its snapshot
  std::vector<uint64_t> shape;
  std::vector<float> values;
};

struct Snapshot {
  nlohmann::ordered_json card;  // an object: architecture, metrics, whatever its writer needs
  std::vector<NamedBuffer> buffers;
};

// Writes `path` under a temporary name, syncs it and renames it. Throws io_error, and
// internal_error for buffers whose names or shapes are not as required.
void write_snapshot(const std::filesystem::path& path, const nlohmann::ordered_json& card,
                    std::span<const NamedBuffer> buffers);
void write_snapshot(const std::filesystem::path& path, const Snapshot& snapshot);

// Reads and verifies all of it. Throws data_error naming file and buffer; io_error when unreadable.
Snapshot read_snapshot(const std::filesystem::path& path);

// The seal alone: size and hash of a snapshot, which is not verified. Throws as read_snapshot().
io::Seal read_snapshot_seal(const std::filesystem::path& path);

// Reads the card alone, without verifying the buffers.
nlohmann::ordered_json read_snapshot_card(const std::filesystem::path& path);

}  // namespace podium::ckpt
