#include "io/sources/idx.hpp"

#include <array>
#include <string>

#include "core/error.hpp"

namespace podium::io {
namespace {

constexpr uint8_t unsigned_byte = 0x08;
constexpr uint64_t record_bytes_limit = uint64_t{1} << 24;
constexpr const char* get_again = "get the file again";

uint32_t big_endian(std::span<const uint8_t, 4> bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
}

bool is_known_rank(uint8_t rank) {
  return rank == 1 || rank == 3 || rank == 4;
}

}  // namespace

IdxReader::IdxReader(const std::filesystem::path& path) : stream_(path) {
  parse_header();
  const std::optional<uint64_t> found = stream_.content_bytes();
  if (found && *found < content_bytes_) throw_truncated();
  if (found && *found > content_bytes_) {
    throw data_error("the IDX file is longer than its header says: expected " +
                         std::to_string(content_bytes_) + " bytes, found " + std::to_string(*found),
                     path.string(), get_again);
  }
}

void IdxReader::parse_header() {
  std::array<uint8_t, 4> word{};
  if (stream_.read(word) < word.size()) {
    throw data_error("too short for an IDX header", stream_.where(), get_again);
  }
  if (word[0] != 0 || word[1] != 0 || word[2] != unsigned_byte || !is_known_rank(word[3])) {
    std::array<char, 16> magic{};
    std::snprintf(magic.data(), magic.size(), "0x%08x", big_endian(word));
    throw data_error("wrong magic number " + std::string(magic.data()) +
                         ": not an IDX file of unsigned bytes of rank 1, 3 or 4",
                     stream_.path().string() + " at byte 0", "check the file");
  }
  for (uint8_t axis = word[3]; axis > 0; --axis) {
    std::array<uint8_t, 4> size{};
    if (stream_.read(size) < size.size()) {
      throw data_error("too short for an IDX header", stream_.where(), get_again);
    }
    dimensions_.push_back(big_endian(size));
  }
  for (size_t axis = 1; axis < dimensions_.size(); ++axis) {
    record_bytes_ *= dimensions_[axis];
    if (record_bytes_ == 0 || record_bytes_ > record_bytes_limit) {
      throw data_error("the IDX header asks for records of 0 or of more than 16 MiB",
                       stream_.path().string() + " at byte " + std::to_string(4 + 4 * axis),
                       "check the file");
    }
  }
  content_bytes_ = stream_.offset() + records() * record_bytes_;
}

void IdxReader::read(std::span<uint8_t> out) {
  if (stream_.read(out) < out.size()) throw_truncated();
}

void IdxReader::skip(uint64_t count) {
  const uint64_t bytes = count * record_bytes_;
  if (stream_.skip(bytes) < bytes) throw_truncated();
}

void IdxReader::finish() {
  std::array<uint8_t, 1> extra{};
  if (stream_.read(extra) != 0) {
    throw data_error("the IDX file goes on after its last record", stream_.where(), get_again);
  }
}

void IdxReader::throw_truncated() const {
  const uint64_t end = stream_.content_bytes().value_or(stream_.offset());
  throw data_error(
      "truncated IDX file: its header promises " + std::to_string(content_bytes_) + " bytes",
      stream_.path().string() + " ends at byte " + std::to_string(end), get_again);
}

}  // namespace podium::io
