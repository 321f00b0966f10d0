#include "io/sources/byte_stream.hpp"

#include <fcntl.h>
#include <isa-l/igzip_lib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include "core/error.hpp"
#include "core/file_descriptor.hpp"

namespace podium::io {
namespace {

constexpr size_t buffer_bytes = size_t{1} << 18;
constexpr std::array<uint8_t, 2> gzip_magic{0x1f, 0x8b};
// ISA-L takes up to 64 bits ahead and gives back what lies behind the end of a member, so that much
// of what it has consumed stays in place.
constexpr size_t given_back_bytes = 8;
constexpr size_t inflate_limit_bytes = size_t{1} << 30;  // at a time: ISA-L counts in 32 bits
constexpr const char* fetch_again = "the file is damaged; get it again";

std::string inflate_error_text(int status) {
  switch (status) {
    case ISAL_INVALID_BLOCK:
      return "invalid block";
    case ISAL_INVALID_SYMBOL:
      return "invalid symbol";
    case ISAL_INVALID_LOOKBACK:
      return "invalid distance";
    case ISAL_INVALID_WRAPPER:
      return "invalid header";
    case ISAL_UNSUPPORTED_METHOD:
      return "not compressed by deflate";
    case ISAL_INCORRECT_CHECKSUM:
      return "its checksum or length differs from its content";
    default:
      return "invalid data";
  }
}

}  // namespace

class ByteStream::Implementation {
 public:
  explicit Implementation(std::filesystem::path path)
      : path_(std::move(path)), file_(::open(path_.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (!file_) throw io_error("cannot open", path_.string(), errno);
    input_.resize(buffer_bytes);
    refill();
    if (!starts_with_magic()) return;
    inflate_ = std::make_unique<inflate_state>();
    begin_member();
  }

  size_t read(std::span<uint8_t> out) {
    size_t done = 0;
    while (done < out.size()) {
      const size_t count = inflate_ ? inflate_some(out.subspan(done)) : copy(out.subspan(done));
      if (count == 0) break;
      done += count;
    }
    offset_ += done;
    return done;
  }

  uint64_t skip(uint64_t bytes) {
    if (!inflate_) return skip_plain(bytes);
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
    if (inflate_) return {};
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
    const size_t keep = begin_ - std::min(begin_, given_back_bytes);
    std::copy(input_.data() + keep, input_.data() + end_, input_.data());
    end_ -= keep;
    begin_ -= keep;
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
    const size_t wanted = std::min(out.size(), inflate_limit_bytes);
    inflate_->next_out = out.data();
    inflate_->avail_out = static_cast<uint32_t>(wanted);
    while (inflate_->avail_out == wanted && !ended_) inflate_once();
    return wanted - inflate_->avail_out;
  }

  void inflate_once() {
    if (available() == 0) refill();
    const bool at_end = available() == 0;
    const size_t begin = begin_;
    const uint32_t room = inflate_->avail_out;
    inflate_->next_in = input_.data() + begin_;
    inflate_->avail_in = static_cast<uint32_t>(available());
    const int status = isal_inflate(inflate_.get());
    begin_ = static_cast<size_t>(inflate_->next_in - input_.data());
    if (inflate_->block_state == ISAL_BLOCK_FINISH && status >= 0) {
      begin_next_member();
    } else if (status < 0 || (!at_end && begin_ == begin && inflate_->avail_out == room)) {
      throw data_error("the gzip stream is damaged: " + inflate_error_text(status), where(),
                       fetch_again);
    } else if (at_end && inflate_->avail_out == room) {
      throw data_error("the gzip stream ends too early", where(), fetch_again);
    }
  }

  // RFC 1952 allows several gzip members in a row; anything else after one is an error.
  void begin_next_member() {
    if (available() < gzip_magic.size()) refill();
    if (available() == 0) {
      ended_ = true;
    } else if (starts_with_magic()) {
      begin_member();
    } else {
      throw data_error("other bytes follow the gzip stream", where(), fetch_again);
    }
  }

  // Leaves the output of the stream where it is.
  void begin_member() {
    isal_inflate_reset(inflate_.get());
    inflate_->crc_flag = ISAL_GZIP;  // verifies checksum and length of the member
    inflate_->hist_bits = 0;         // the full window
  }

  std::filesystem::path path_;
  FileDescriptor file_;
  std::vector<uint8_t> input_;
  size_t begin_ = 0;  // of the bytes in input_ not yet consumed
  size_t end_ = 0;
  uint64_t offset_ = 0;
  bool ended_ = false;
  std::unique_ptr<inflate_state> inflate_;  // null: the file is plain
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
