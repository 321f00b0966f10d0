#include "io/sources/byte_stream.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>
#include <vector>

#include "core/error.hpp"
#include "core/file_descriptor.hpp"

namespace podium::io {
namespace {

constexpr size_t buffer_bytes = size_t{1} << 18;
constexpr std::array<uint8_t, 2> gzip_magic{0x1f, 0x8b};
constexpr int gzip_window_bits = 15 + 16;  // zlib: 32 KiB window, gzip wrapping
constexpr const char* fetch_again = "the file is damaged; get it again";

}  // namespace

class ByteStream::Implementation {
 public:
  explicit Implementation(std::filesystem::path path)
      : path_(std::move(path)), file_(::open(path_.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (!file_) throw io_error("cannot open", path_.string(), errno);
    input_.resize(buffer_bytes);
    refill();
    compressed_ = starts_with_magic();
    if (compressed_ && inflateInit2(&zlib_, gzip_window_bits) != Z_OK) throw std::bad_alloc();
  }
  Implementation(const Implementation&) = delete;
  Implementation& operator=(const Implementation&) = delete;
  ~Implementation() {
    if (compressed_) inflateEnd(&zlib_);
  }

  size_t read(std::span<uint8_t> out) {
    size_t done = 0;
    while (done < out.size()) {
      const size_t count = compressed_ ? inflate_some(out.subspan(done)) : copy(out.subspan(done));
      if (count == 0) break;
      done += count;
    }
    offset_ += done;
    return done;
  }

  uint64_t skip(uint64_t bytes) {
    if (!compressed_) return skip_plain(bytes);
    std::vector<uint8_t> scratch(buffer_bytes);
    uint64_t done = 0;
    while (done < bytes) {
      const size_t wanted = std::min<uint64_t>(scratch.size(), bytes - done);
      const size_t count = read({scratch.data(), wanted});
      done += count;
      if (count < wanted) break;
    }
    return done;
  }

  uint64_t offset() const { return offset_; }

  std::optional<uint64_t> content_bytes() const {
    if (compressed_) return {};
    return file_bytes();
  }

  const std::filesystem::path& path() const { return path_; }

  std::string where() const { return path_.string() + " at byte " + std::to_string(offset_); }

 private:
  size_t available() const { return end_ - begin_; }

  bool starts_with_magic() const {
    return available() >= gzip_magic.size() &&
           std::equal(gzip_magic.begin(), gzip_magic.end(), input_.data() + begin_);
  }

  uint64_t file_bytes() const {
    struct stat status {};
    if (fstat(file_.get(), &status) != 0) throw io_error("cannot stat", path_.string(), errno);
    return static_cast<uint64_t>(status.st_size);
  }

  // Reads the next piece of the file behind what is left of the last one.
  void refill() {
    std::copy(input_.data() + begin_, input_.data() + end_, input_.data());
    end_ -= begin_;
    begin_ = 0;
    while (end_ < input_.size()) {
      const ssize_t count = ::read(file_.get(), input_.data() + end_, input_.size() - end_);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) throw io_error("cannot read", path_.string(), errno);
      if (count == 0) break;
      end_ += static_cast<size_t>(count);
    }
  }

  size_t copy(std::span<uint8_t> out) {
    if (available() == 0) refill();
    const size_t count = std::min(out.size(), available());
    std::copy_n(input_.data() + begin_, count, out.data());
    begin_ += count;
    return count;
  }

  uint64_t skip_plain(uint64_t bytes) {
    const uint64_t target = std::min(offset_ + bytes, file_bytes());
    if (lseek(file_.get(), static_cast<off_t>(target), SEEK_SET) < 0) {
      throw io_error("cannot seek", path_.string(), errno);
    }
    begin_ = end_ = 0;
    const uint64_t done = target - std::min(offset_, target);
    offset_ += done;
    return done;
  }

  // Inflates at least one byte unless the content has ended.
  size_t inflate_some(std::span<uint8_t> out) {
    const size_t wanted = std::min(out.size(), size_t{1} << 30);
    zlib_.next_out = out.data();
    zlib_.avail_out = static_cast<uInt>(wanted);
    while (zlib_.avail_out == wanted && !ended_) inflate_once();
    return wanted - zlib_.avail_out;
  }

  void inflate_once() {
    if (available() == 0) refill();
    if (available() == 0) throw data_error("the gzip stream ends too early", where(), fetch_again);
    zlib_.next_in = input_.data() + begin_;
    zlib_.avail_in = static_cast<uInt>(available());
    const int status = inflate(&zlib_, Z_NO_FLUSH);
    begin_ = end_ - zlib_.avail_in;
    if (status == Z_STREAM_END) {
      begin_next_member();
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
      const std::string reason = zlib_.msg == nullptr ? "invalid data" : zlib_.msg;
      throw data_error("the gzip stream is damaged: " + reason, where(), fetch_again);
    }
  }

  // RFC 1952 allows several gzip members in a row; anything else after one is an error.
  void begin_next_member() {
    if (available() < gzip_magic.size()) refill();
    if (available() == 0) {
      ended_ = true;
    } else if (!starts_with_magic()) {
      throw data_error("other bytes follow the gzip stream", where(), fetch_again);
    } else if (inflateReset(&zlib_) != Z_OK) {
      throw internal_error("zlib refused to begin the next gzip member", where());
    }
  }

  std::filesystem::path path_;
  FileDescriptor file_;
  std::vector<uint8_t> input_;
  size_t begin_ = 0;  // of the bytes in input_ not yet consumed
  size_t end_ = 0;
  uint64_t offset_ = 0;
  bool compressed_ = false;
  bool ended_ = false;
  z_stream zlib_{};
};

ByteStream::ByteStream(std::filesystem::path path)
    : implementation_(std::make_unique<Implementation>(std::move(path))) {}
ByteStream::ByteStream(ByteStream&&) noexcept = default;
ByteStream& ByteStream::operator=(ByteStream&&) noexcept = default;
ByteStream::~ByteStream() = default;

size_t ByteStream::read(std::span<uint8_t> out) {
  return implementation_->read(out);
}
uint64_t ByteStream::skip(uint64_t bytes) {
  return implementation_->skip(bytes);
}
uint64_t ByteStream::offset() const {
  return implementation_->offset();
}
std::optional<uint64_t> ByteStream::content_bytes() const {
  return implementation_->content_bytes();
}
const std::filesystem::path& ByteStream::path() const {
  return implementation_->path();
}
std::string ByteStream::where() const {
  return implementation_->where();
}

}  // namespace podium::io
