#include "core/event_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <utility>

#include "core/crc32c.hpp"
#include "core/error.hpp"
#include "core/protobuf.hpp"
#include "core/text.hpp"

namespace podium {
namespace {

// Fields of Event, Summary and Summary.Value.
constexpr int kWallTime = 1;
constexpr int kStep = 2;
constexpr int kFileVersion = 3;
constexpr int kSummary = 5;
constexpr int kValue = 1;
constexpr int kTag = 1;
constexpr int kSimpleValue = 2;

// A checksum of bytes that hold checksums would tell little.
uint32_t masked_crc32c(std::string_view bytes) {
  return std::rotr(crc32c(bytes), 15) + 0xA282EAD8;
}

template <typename Number>
std::string little_endian(Number number) {
  static_assert(std::endian::native == std::endian::little);
  const auto bytes = std::bit_cast<std::array<char, sizeof number>>(number);
  return {bytes.data(), bytes.size()};
}

double unix_now_s() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::filesystem::path new_file(const std::filesystem::path& folder) {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host.front() = '\0';
  return folder / format("events.out.tfevents.%010lld.%s.%d", static_cast<long long>(unix_now_s()),
                         host.front() == '\0' ? "localhost" : host.data(),
                         static_cast<int>(::getpid()));
}

}  // namespace

std::string tf_record(std::string_view bytes) {
  const std::string length = little_endian(static_cast<uint64_t>(bytes.size()));
  std::string record = length + little_endian(masked_crc32c(length));
  record += bytes;
  return record + little_endian(masked_crc32c(bytes));
}

EventFile::EventFile(const std::filesystem::path& folder, Log log)
    : path_(new_file(folder)), log_(std::move(log)) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw io_error("cannot create a folder", folder.string(), error.value());
  file_.reset(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!file_) throw io_error("cannot open for writing", path_.string(), errno);
  ProtobufMessage event;
  event.add_double(kWallTime, unix_now_s());
  event.add_text(kFileVersion, "brain.Event:2");
  append(event.bytes().joined());
}

void EventFile::write(double unix_s, int64_t step, std::span<const Scalar> scalars) {
  if (!file_ || scalars.empty()) return;
  ProtobufMessage summary;
  for (const Scalar& scalar : scalars) {
    ProtobufMessage value;
    value.add_text(kTag, scalar.tag);
    value.add_float(kSimpleValue, scalar.value);
    summary.add_message(kValue, std::move(value));
  }
  ProtobufMessage event;
  event.add_double(kWallTime, unix_s);
  event.add_integer(kStep, step);
  event.add_message(kSummary, std::move(summary));
  append(event.bytes().joined());
}

void EventFile::append(std::string_view event) {
  const std::string record = tf_record(event);
  const ssize_t written = ::write(file_.get(), record.data(), record.size());
  if (written == static_cast<ssize_t>(record.size())) return;
  const Error error = io_error("cannot append", path_.string(), written < 0 ? errno : ENOSPC);
  log_.warning(std::string("this log ends here: ") + error.what());
  file_.reset();
}

}  // namespace podium
