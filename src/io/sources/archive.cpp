#include "io/sources/archive.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <set>
#include <string_view>

#include "core/error.hpp"
#include "core/file_descriptor.hpp"
#include "core/handle.hpp"
#include "io/files/atomic_file.hpp"

namespace podium::io {
namespace {

constexpr size_t block_bytes = size_t{1} << 16;
constexpr uint64_t content_limit_bytes = uint64_t{1} << 30;
constexpr uint64_t entries_limit = 10000;
constexpr const char* get_again = "get the archive again";

struct ArchiveTraits {
  using Value = struct archive*;
  static Value null() noexcept { return nullptr; }
  static void close(Value archive) noexcept { archive_read_free(archive); }
};

// The folder being filled; removed with all it holds unless it was published.
class UnpackingFolder {
 public:
  explicit UnpackingFolder(std::filesystem::path target)
      : target_(std::move(target)),
        path_(target_.parent_path() / ("." + target_.filename().string() + ".unpacking")) {
    remove();
    create_folder(path_);
  }
  UnpackingFolder(const UnpackingFolder&) = delete;
  UnpackingFolder& operator=(const UnpackingFolder&) = delete;
  ~UnpackingFolder() {
    std::error_code ignored;  // the next attempt removes it
    if (!published_) std::filesystem::remove_all(path_, ignored);
  }

  const std::filesystem::path& path() const { return path_; }

  void publish() {
    sync_folder(path_);
    if (rename(path_.c_str(), target_.c_str()) != 0) {
      throw io_error("cannot rename a finished folder to", target_.string(), errno);
    }
    published_ = true;
    sync_folder(target_.parent_path());
  }

 private:
  void remove() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
    if (error) throw io_error("cannot remove", path_.string(), error.value());
  }

  std::filesystem::path target_;
  std::filesystem::path path_;
  bool published_ = false;
};

class ArchiveReader {
 public:
  explicit ArchiveReader(const ArchiveRequest& request)
      : request_(request),
        file_(::open(request.archive.c_str(), O_RDONLY | O_CLOEXEC)),
        archive_(archive_read_new()),
        folder_(request.folder) {
    if (!file_) throw io_error("cannot open", request.archive.string(), errno);
    if (!archive_) throw std::bad_alloc();
    const bool ready = archive_read_support_format_tar(archive_.get()) == ARCHIVE_OK &&
                       archive_read_support_filter_gzip(archive_.get()) == ARCHIVE_OK;
    require(ready, "libarchive reads tar and gzip", "unpack");
    if (archive_read_open_fd(archive_.get(), file_.get(), block_bytes) != ARCHIVE_OK) {
      throw damaged(reason());
    }
  }

  void unpack_all() {
    uint64_t entries = 0;
    while (archive_entry* entry = next()) {
      if (++entries > entries_limit) throw damaged("it has more than 10,000 entries");
      unpack_entry(entry);
    }
    for (const std::string& name : request_.names) {
      if (!taken_.contains(name)) throw damaged("it has no file " + name);
    }
    folder_.publish();
  }

 private:
  Error damaged(const std::string& why) const {
    return data_error("cannot unpack the archive: " + why, request_.archive.string(), get_again);
  }

  std::string reason() const {
    const char* text = archive_error_string(archive_.get());
    std::string line = text == nullptr ? "it is damaged" : text;
    std::replace(line.begin(), line.end(), '\n', ' ');
    return line;
  }

  // A warning, such as of a name in an unknown character set, does no harm here.
  bool is_fine(la_ssize_t status) const { return status >= ARCHIVE_OK || status == ARCHIVE_WARN; }

  archive_entry* next() {
    archive_entry* entry = nullptr;
    const int status = archive_read_next_header(archive_.get(), &entry);
    if (status == ARCHIVE_EOF) return nullptr;
    if (!is_fine(status)) throw damaged(reason());
    return entry;
  }

  // The entry's bare name. Throws for a path that would lead out of a folder it is unpacked in.
  std::string bare_name(archive_entry* entry) const {
    const char* text = archive_entry_pathname(entry);
    if (text == nullptr) throw damaged("an entry has no name");
    const std::filesystem::path path(text);
    const bool leads_upwards = std::find(path.begin(), path.end(), "..") != path.end();
    if (path.is_absolute() || leads_upwards)
      throw damaged("it has the unsafe path " + path.string());
    return path.filename().string();
  }

  // Content that is not wanted is read as well, so that it counts.
  void unpack_entry(archive_entry* entry) {
    const std::string name = bare_name(entry);
    const bool wanted =
        std::find(request_.names.begin(), request_.names.end(), name) != request_.names.end();
    if (!wanted) return read_content([](std::string_view) {});
    const bool is_file =
        archive_entry_filetype(entry) == AE_IFREG && archive_entry_hardlink(entry) == nullptr;
    if (!is_file) throw damaged(name + " is no regular file");
    if (!taken_.insert(name).second) throw damaged("it has " + name + " twice");
    write_file(folder_.path() / name);
  }

  void write_file(const std::filesystem::path& path) {
    const FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (!file) throw io_error("cannot create a file", path.string(), errno);
    read_content([&](std::string_view bytes) { write_all(file.get(), bytes, path); });
    if (fsync(file.get()) != 0) throw io_error("cannot sync", path.string(), errno);
  }

  template <typename Take>
  void read_content(const Take& take) {
    std::string block(block_bytes, '\0');
    for (;;) {
      const la_ssize_t count = archive_read_data(archive_.get(), block.data(), block.size());
      if (count == 0) return;
      if (count < 0 && is_fine(count)) continue;
      if (count < 0) throw damaged(reason());
      content_bytes_ += static_cast<uint64_t>(count);
      if (content_bytes_ > content_limit_bytes) throw damaged("it holds more than 1 GiB");
      take(std::string_view(block.data(), static_cast<size_t>(count)));
    }
  }

  const ArchiveRequest& request_;
  FileDescriptor file_;
  Handle<ArchiveTraits> archive_;
  UnpackingFolder folder_;
  std::set<std::string> taken_;
  uint64_t content_bytes_ = 0;
};

}  // namespace

void unpack(const ArchiveRequest& request) {
  ArchiveReader(request).unpack_all();
}

}  // namespace podium::io
