// Source: labelled images in their original form, as two streams of records.
//
// A source is one of: a named set ("fashion_mnist", "mnist"); an HDF5 file; a folder with the four
// IDX files (gz or plain), with CIFAR's binary files, with train.h5 and test.h5, or with a folder
// of PNG or JPEG images per class; a URL of an HDF5 file or of a folder with IDX files; a file URL
// of anything; or "synthetic:N,H,W,C,classes".
// Opening a source reads its headers and labels, not its images. A Source may be shared by threads;
// a RecordStream belongs to one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/log.hpp"
#include "io/image/image_shape.hpp"
#include "io/image/transform.hpp"

namespace podium::io {

enum class Part { train = 0, test = 1 };

const char* part_name(Part part);

struct SourceInfo {
  std::string name;      // [a-z0-9_-]+, names the cache
  std::string text;      // as the user wrote it
  std::string location;  // names the place for good: a set's name, a canonical path, a URL
  ImageShape shape;
  std::vector<std::string> class_names;
  uint64_t train_records = 0;
  uint64_t test_records = 0;

  uint64_t records(Part part) const { return part == Part::train ? train_records : test_records; }
};

class RecordStream {
 public:
  virtual ~RecordStream() = default;

  // Fills `labels` and `images` ([labels.size(),H,W,C]) with the next records, which must exist.
  // Throws data_error with file and offset.
  virtual void read(std::span<uint8_t> images, std::span<uint8_t> labels) = 0;

  // Verifies that the stream ends here: call it after the last record. Throws data_error.
  virtual void finish() = 0;
};

class Source {
 public:
  virtual ~Source() = default;

  const SourceInfo& info() const { return info_; }

  // XXH3 of the content: of the source's files, or of what generates it. May read all of them.
  virtual uint64_t digest() const = 0;

  // The records of `part` from `first` on.
  virtual std::unique_ptr<RecordStream> open(Part part, uint64_t first) const = 0;

 protected:
  explicit Source(SourceInfo info) : info_(std::move(info)) {}

 private:
  SourceInfo info_;
};

struct SourceOptions {
  std::string source;                     // --io.source
  std::filesystem::path download_folder;  // where fetched files are kept
  std::vector<std::filesystem::path>
      data_folders;                  // searched for named sets; empty: well-known ones
  std::vector<std::string> mirrors;  // URLs or folders tried for named sets; empty: published ones
  Log log{};
  Transform transform{};  // applied to every image
  bool hold_out = true;   // make a test part where there is none
};

// Throws usage_error for a text that names no source, data_error for damaged files,
// unavailable_error when a named set is neither here nor reachable.
std::unique_ptr<Source> open_source(const SourceOptions& options);

}  // namespace podium::io
