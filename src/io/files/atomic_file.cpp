#include "io/files/atomic_file.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <optional>
#include <system_error>

#include "core/error.hpp"
#include "core/log.hpp"

namespace podium::io {
namespace {

constexpr std::string_view temporary_suffix = ".tmp";
constexpr int name_attempts = 10000;

// Dots separate the fields of a temporary name, so the host's become dashes.
std::string host_name() {
  std::array<char, 256> buffer{};
  if (gethostname(buffer.data(), buffer.size() - 1) != 0) return "localhost";
  std::string host = buffer.data();
  for (char& c : host) {
    if (c == '.') c = '-';
  }
  return host;
}

// ".TARGET.HOST.PID.N.tmp"
std::string temporary_name(const std::filesystem::path& target, int attempt) {
  return "." + target.filename().string() + "." + host_name() + "." + std::to_string(getpid()) +
         "." + std::to_string(attempt) + std::string(temporary_suffix);
}

struct Writer {
  std::string host;
  pid_t pid = 0;
};

// Takes ".TARGET.HOST.PID.N.tmp" apart from its end; empty when `name` is no temporary name.
std::optional<Writer> writer_of(std::string name) {
  if (name.empty() || name.front() != '.' || !name.ends_with(temporary_suffix)) return {};
  name.resize(name.size() - temporary_suffix.size());
  std::array<std::string, 3> fields;  // N, PID, HOST
  for (std::string& field : fields) {
    const size_t dot = name.rfind('.');
    if (dot == std::string::npos || dot == 0) return {};
    field = name.substr(dot + 1);
    name.resize(dot);
  }
  Writer writer{fields[2], 0};
  const char* end = fields[1].data() + fields[1].size();
  const auto [parsed_end, error] = std::from_chars(fields[1].data(), end, writer.pid);
  if (error != std::errc() || parsed_end != end || writer.pid <= 0) return {};
  return writer;
}

bool is_stale(const std::filesystem::path& path, const Writer& writer) {
  if (writer.host == host_name() && kill(writer.pid, 0) != 0 && errno == ESRCH) return true;
  std::error_code error;
  const auto written = std::filesystem::last_write_time(path, error);
  return !error && std::filesystem::file_time_type::clock::now() - written > std::chrono::hours(24);
}

// File systems that cannot allocate ahead say so; their writers learn of a full disk later.
void allocate(int fd, int mode, uint64_t bytes, const std::filesystem::path& path) {
  if (fallocate(fd, mode, 0, static_cast<off_t>(bytes)) == 0) return;
  if (errno == EOPNOTSUPP || errno == ENOSYS) return;
  throw io_error("cannot reserve " + std::to_string(bytes) + " bytes", path.string(), errno);
}

void resize(int fd, off_t bytes, const std::filesystem::path& path) {
  if (ftruncate(fd, bytes) != 0) throw io_error("cannot resize", path.string(), errno);
}

}  // namespace

TemporaryFile::TemporaryFile(std::filesystem::path target) : target_(std::move(target)) {
  for (int attempt = 0; attempt < name_attempts; ++attempt) {
    path_ = target_.parent_path() / temporary_name(target_, attempt);
    file_.reset(::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (file_ || errno != EEXIST) break;
  }
  if (!file_) throw io_error("cannot create the file", target_.string(), errno);
}

TemporaryFile::~TemporaryFile() {
  if (!file_) return;
  if (unlink(path_.c_str()) != 0 && errno != ENOENT) {
    warn_in_destructor("removal of a temporary file", std::strerror(errno));
  }
}

void TemporaryFile::probe_space(uint64_t bytes) {
  allocate(file_.get(), 0, bytes, target_);
  resize(file_.get(), 0, target_);
}

void TemporaryFile::reserve_space(uint64_t bytes) {
  allocate(file_.get(), FALLOC_FL_KEEP_SIZE, bytes, target_);
}

void TemporaryFile::publish(FolderSync folder) {
  struct stat status {};
  if (fstat(file_.get(), &status) != 0) throw io_error("cannot stat", target_.string(), errno);
  resize(file_.get(), status.st_size, target_);  // frees reserved space behind the end
  if (fsync(file_.get()) != 0) throw io_error("cannot sync", target_.string(), errno);
  publish_volatile();
  if (folder == FolderSync::now) sync_folder(target_.parent_path());
}

void TemporaryFile::publish_volatile() {
  if (rename(path_.c_str(), target_.c_str()) != 0) {
    throw io_error("cannot rename a finished file to", target_.string(), errno);
  }
  file_.reset();
}

void create_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw io_error("cannot create the folder", folder.string(), error.value());
  if (!std::filesystem::is_directory(folder, error)) {
    throw io_error("cannot create the folder", folder.string(), ENOTDIR);
  }
}

void write_text_file(const std::filesystem::path& path, std::string_view text) {
  TemporaryFile file(path);
  write_all(file.descriptor(), text, path);
  file.publish();
}

void write_volatile_text_file(const std::filesystem::path& path, std::string_view text) {
  TemporaryFile file(path);
  write_all(file.descriptor(), text, path);
  file.publish_volatile();
}

std::string read_text_file(const std::filesystem::path& path) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) throw io_error("cannot open", path.string(), errno);
  std::string text;
  std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw io_error("cannot read", path.string(), errno);
    if (count == 0) return text;
    text.append(buffer.data(), static_cast<size_t>(count));
    if (text.size() > most_text_bytes) {
      throw data_error("this is larger than any text that is read here", path.string(),
                       "check the path");
    }
  }
}

void write_all(int descriptor, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw io_error("cannot write", path.string(), errno);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
}

void sync_folder(const std::filesystem::path& folder) {
  const std::string name = folder.empty() ? "." : folder.string();
  const FileDescriptor handle(::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!handle) throw io_error("cannot open the folder", name, errno);
  // Some network file systems cannot sync a folder and say EINVAL; their renames are synchronous.
  if (fsync(handle.get()) != 0 && errno != EINVAL) {
    throw io_error("cannot sync the folder", name, errno);
  }
}

void remove_stale_temporaries(const std::filesystem::path& folder) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::optional<Writer> writer = writer_of(entry.path().filename().string());
    if (!writer || !is_stale(entry.path(), *writer)) continue;
    std::error_code ignored;  // another cleaner may have been faster
    std::filesystem::remove(entry.path(), ignored);
  }
}

}  // namespace podium::io
