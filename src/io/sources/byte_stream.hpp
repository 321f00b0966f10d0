// ByteStream: the content of a file, inflated on the fly when it is gzip (RFC 1952).
//
// Whether a file is gzip is told by its first two bytes, never by its name. Memory stays at one
// buffer whatever the file's size. Used by one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace podium::io {

class ByteStream {
 public:
  // Throws io_error.
  explicit ByteStream(std::filesystem::path path);
  ByteStream(ByteStream&&) noexcept;
  ByteStream& operator=(ByteStream&&) noexcept;
  ~ByteStream();

  // Reads up to out.size() bytes of content; fewer only at its end. Throws io_error, and data_error
  // when a gzip stream is damaged, truncated or followed by other bytes.
  size_t read(std::span<uint8_t> out);

  // Passes over `bytes` of content, or to its end if that comes first; returns how many. Seeks in
  // plain files; a gzip file has to be inflated up to there.
  uint64_t skip(uint64_t bytes);

  // Bytes of content read or skipped so far.
  uint64_t offset() const;

  // Bytes of content in all; unknown for gzip.
  std::optional<uint64_t> content_bytes() const;

  const std::filesystem::path& path() const;

  // "PATH at byte OFFSET", for messages.
  std::string where() const;

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace podium::io
