#include "io/sources/part_file.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <new>
#include <sstream>
#include <vector>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/handle.hpp"
#include "core/log.hpp"
#include "io/files/atomic_file.hpp"

namespace podium::io {
namespace {

constexpr size_t read_bytes = size_t{1} << 18;

struct DigestTraits {
  using Value = EVP_MD_CTX*;
  static Value null() noexcept { return nullptr; }
  static void close(Value context) noexcept { EVP_MD_CTX_free(context); }
};

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new()) {
    if (!context_) throw std::bad_alloc();
    check(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr));
  }
  void update(const uint8_t* data, size_t count) {
    check(EVP_DigestUpdate(context_.get(), data, count));
  }
  std::string hex() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    check(EVP_DigestFinal_ex(context_.get(), digest.data(), &size));
    std::string text;
    for (unsigned int i = 0; i < size; ++i) {
      std::array<char, 3> byte{};
      std::snprintf(byte.data(), byte.size(), "%02x", digest[i]);
      text += byte.data();
    }
    return text;
  }

 private:
  static void check(int status) { require(status == 1, "OpenSSL computes a SHA-256", "PartFile"); }

  Handle<DigestTraits> context_;
};

struct stat status_of(int descriptor, const std::filesystem::path& path) {
  struct stat status {};
  if (fstat(descriptor, &status) != 0) throw io_error("cannot stat", path.string(), errno);
  return status;
}

void remove_if_there(const std::filesystem::path& path) {
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    throw io_error("cannot remove", path.string(), errno);
  }
}

}  // namespace

PartFile::PartFile(std::filesystem::path target, std::chrono::milliseconds timeout)
    : target_(std::move(target)),
      path_(target_.parent_path() / ("." + target_.filename().string() + ".part")),
      origin_path_(path_.string() + ".origin") {
  const Deadline deadline(timeout);
  Backoff backoff(Backoff::Kind::idle);
  while (!lock_once()) {
    if (deadline.expired()) {
      throw unavailable_error("another process has been downloading this file for " +
                                  std::to_string(timeout.count()) + " ms",
                              path_.string(), "find it with `fuser` and end it, or wait longer");
    }
    backoff.pause();
  }
  bytes_ = static_cast<uint64_t>(status_of(file_.get(), path_).st_size);
  if (bytes_ > 0) read_origin();
}

// The name may have passed to another file while this one was locked, for owners publish and remove
// parts; then it has to be opened again.
bool PartFile::lock_once() {
  file_.reset(::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!file_) throw io_error("cannot create a file", path_.string(), errno);
  if (flock(file_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR)
      throw io_error("cannot lock", path_.string(), errno);
    file_.reset();
    return false;
  }
  struct stat named {};
  if (stat(path_.c_str(), &named) != 0) {
    if (errno != ENOENT) throw io_error("cannot stat", path_.string(), errno);
    file_.reset();
    return false;
  }
  const struct stat held = status_of(file_.get(), path_);
  if (named.st_ino == held.st_ino && named.st_dev == held.st_dev) return true;
  file_.reset();
  return false;
}

PartFile::~PartFile() {
  if (!file_ || bytes_ > 0) return;
  for (const std::filesystem::path& path : {origin_path_, path_}) {
    if (unlink(path.c_str()) != 0 && errno != ENOENT) {
      warn_in_destructor("removal of an empty download", std::strerror(errno));
    }
  }
}

// A part whose origin cannot be told is of use only if a checksum can vouch for the result.
void PartFile::read_origin() {
  std::error_code error;
  if (!std::filesystem::exists(origin_path_, error)) return;
  std::istringstream lines(read_text_file(origin_path_));
  std::getline(lines, origin_.url);
  std::getline(lines, origin_.validator);
}

void PartFile::begin(const PartOrigin& origin) {
  if (ftruncate(file_.get(), 0) != 0) throw io_error("cannot resize", path_.string(), errno);
  bytes_ = 0;
  origin_ = origin;
  remove_if_there(origin_path_);
  if (!origin.url.empty()) {
    write_text_file(origin_path_, origin.url + "\n" + origin.validator + "\n");
  }
}

void PartFile::append(std::string_view bytes) {
  write_all(file_.get(), bytes, path_);
  bytes_ += bytes.size();
}

std::string PartFile::sha256() const {
  Sha256 sum;
  std::vector<uint8_t> buffer(read_bytes);
  for (off_t offset = 0;;) {
    const ssize_t count = pread(file_.get(), buffer.data(), buffer.size(), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw io_error("cannot read", path_.string(), errno);
    if (count == 0) return sum.hex();
    sum.update(buffer.data(), static_cast<size_t>(count));
    offset += count;
  }
}

void PartFile::publish() {
  if (fsync(file_.get()) != 0) throw io_error("cannot sync", path_.string(), errno);
  remove_if_there(origin_path_);
  if (rename(path_.c_str(), target_.c_str()) != 0) {
    throw io_error("cannot rename a finished file to", target_.string(), errno);
  }
  file_.reset();
  sync_folder(target_.parent_path());
}

}  // namespace podium::io
