// Files that appear whole or not at all.
//
// A TemporaryFile is written beside its target under a name that carries host and process id, then
// published: synced, renamed over the target, and its folder synced. Nothing is left behind when a
// writer fails; what a killed writer leaves is removed by remove_stale_temporaries(). Errors name
// the target. A value for one thread; several threads and processes may write the same target, the
// last rename wins.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "core/file_descriptor.hpp"

namespace podium::io {

// When the new name of a file is made durable: at once, or by whoever syncs the folder later.
enum class FolderSync { now, later };

class TemporaryFile {
 public:
  // Creates an empty file beside `target`. Throws io_error.
  explicit TemporaryFile(std::filesystem::path target);
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  // Removes the file unless it was published.
  ~TemporaryFile();

  const std::filesystem::path& path() const { return path_; }
  const std::filesystem::path& target() const { return target_; }

  // The file, open for writing, until publish().
  int descriptor() const { return file_.get(); }

  // Throws io_error unless the file can grow to `bytes`, as far as the file system can tell. What
  // it holds is lost. REQUIRES: nothing else has written to it yet.
  void probe_space(uint64_t bytes);

  // Takes disk space for `bytes` without changing the size; publish() gives back what is left over.
  // Throws io_error when there is too little.
  void reserve_space(uint64_t bytes);

  // Makes the content durable and gives it the target's name. Throws io_error.
  void publish(FolderSync folder = FolderSync::now);

  // Gives it the target's name; a power failure may lose it. Throws io_error.
  void publish_volatile();

 private:
  std::filesystem::path target_;
  std::filesystem::path path_;
  FileDescriptor file_;
};

// Creates `folder` and its parents. Throws io_error, also when a file stands in the way.
void create_folder(const std::filesystem::path& folder);

// Replaces the content of `path` by `text`, atomically and durably. Throws io_error.
void write_text_file(const std::filesystem::path& path, std::string_view text);

// The same for text that can be made again: atomically, but not durably. Throws io_error.
void write_volatile_text_file(const std::filesystem::path& path, std::string_view text);

// Throws io_error; data_error for more than `most_text_bytes`, as of a device that has no end.
inline constexpr size_t most_text_bytes = size_t{256} << 20;
std::string read_text_file(const std::filesystem::path& path);

// Writes all of `bytes` at `descriptor`'s position. Throws io_error naming `path`.
void write_all(int descriptor, std::string_view bytes, const std::filesystem::path& path);

// Syncs the directory entry changes of `folder`. Throws io_error.
void sync_folder(const std::filesystem::path& folder);

// Removes temporary files in `folder` whose writer is gone: a dead process of this host, or a file
// of any host untouched for a day.
void remove_stale_temporaries(const std::filesystem::path& folder);

}  // namespace podium::io
