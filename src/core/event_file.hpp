// EventFile: scalars for TensorBoard, in a file as it looks for in a folder.
//
// A file is records of TFRecord's framing: length, its checksum, bytes, their checksum, both masked
// CRC-32C (tensorflow.org/tutorials/load_data/tfrecord). Each is a message Event (tensorflow's
// core/util/event.proto). A record is one write(2): what a process that was killed has told stands
// there whole, and TensorBoard reads it while it grows. A disk that takes no more records costs the
// records, not the job: that is told once, and the file stays as it is.
//
// Threads: one at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "core/file_descriptor.hpp"
#include "core/log.hpp"

namespace podium {

// A record of TFRecord's framing.
std::string tf_record(std::string_view bytes);

class EventFile {
 public:
  struct Scalar {
    std::string tag;
    float value;
  };

  // Makes a file of its own in `folder`, and the folder: events.out.tfevents.SECONDS.HOST.PROCESS.
  // Throws io_error.
  EventFile(const std::filesystem::path& folder, Log log);

  // Appends the values of one step. `unix_s` is when it was, in seconds since 1970.
  void write(double unix_s, int64_t step, std::span<const Scalar> scalars);

  const std::filesystem::path& path() const { return path_; }

 private:
  void append(std::string_view event);

  std::filesystem::path path_;
  FileDescriptor file_;
  Log log_;
};

}  // namespace podium
