// Store: the checkpoints of one model in training, in one folder.
//
//   step-000001234.h5, or step-000001234-0-of-2.h5, …   its parts: snapshots (snapshot.hpp)
//   step-000001234.json                                 its marker, written last (marker.hpp)
//
// A checkpoint is what a marker names; other parts are left from a writer that was killed, and go
// with the next save. Every part is published whole; a reader verifies all parts against the
// marker. A buffer may be cut: a part holds a piece of it, and its card's `pieces` says which.
//
// Calls change nothing but files. One process writes a folder at a time (the run folder's lock);
// its ranks write different parts at the same time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "ckpt/marker.hpp"
#include "ckpt/retention.hpp"
#include "ckpt/snapshot.hpp"

namespace podium::ckpt {

class Store {
 public:
  explicit Store(std::filesystem::path folder) : folder_(std::move(folder)) {}

  const std::filesystem::path& folder() const { return folder_; }

  // Creates the folder; throws io_error when files cannot be written there.
  void open() const;

  // The steps of all checkpoints, the newest first, by the names of their markers alone. None when
  // the folder is not there. Throws io_error when it cannot be read.
  std::vector<int64_t> steps() const;
  std::filesystem::path marker_path(int64_t step) const;

  // Reads and verifies all of it: the card of its first part, buffers put together from pieces.
  // Throws data_error that names the file; io_error when one cannot be read.
  Snapshot read(int64_t step) const;
  Marker read_marker(int64_t step) const;

  // Writes one part durably. Throws io_error.
  void write_part(int64_t step, int part, int parts, const nlohmann::ordered_json& card,
                  std::span<const NamedBuffer> buffers) const;

  // Writes the marker over `parts` parts, which are all there; marker.parts is filled in. Throws
  // io_error, and data_error when a part is not what a part is.
  void seal(Marker marker, int parts) const;

  // Removes checkpoints that do not stay, markers first, and parts without a marker. What cannot be
  // read as a checkpoint stays. A file that cannot be removed is left to the next call.
  void retain(const Retention& retention) const;

  // Moves checkpoints after `step`, which were refused, into the folder refused/. Throws io_error.
  void move_refused(int64_t step) const;

  // A name beside the folder that is not taken: "cnn.old-1"; and renames the folder to it. Throws
  // io_error.
  std::filesystem::path name_aside() const;
  std::filesystem::path set_aside() const;

  // Removes all checkpoints, and the folder if nothing else is in it. Never throws.
  void clear() const noexcept;

 private:
  std::filesystem::path part_path(int64_t step, int part, int parts) const;

  std::filesystem::path folder_;
};

}  // namespace podium::ckpt
