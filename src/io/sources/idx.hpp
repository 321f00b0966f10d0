// IdxReader: the records of an IDX file, the format of MNIST and its kin.
//
// A big-endian header (magic 00 00 TYPE RANK, then one uint32 size per dimension) precedes the
// elements in row-major order; http://yann.lecun.com/exdb/mnist/. Unsigned bytes (type 08) of rank
// 1, 3 and 4 are read: labels [N], images [N,H,W] and [N,H,W,C]. Sizes are checked before anything
// is allocated. Used by one thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "io/sources/byte_stream.hpp"

namespace podium::io {

class IdxReader {
 public:
  // Reads the header. Throws io_error; data_error for another format, or for a plain file whose
  // size differs from its header.
  explicit IdxReader(const std::filesystem::path& path);

  const std::vector<uint32_t>& dimensions() const { return dimensions_; }
  uint64_t records() const { return dimensions_.front(); }
  uint64_t record_bytes() const { return record_bytes_; }

  // Fills `out` with the next out.size() / record_bytes() records. REQUIRES: whole records. Throws
  // data_error with file and offset when the file ends before.
  void read(std::span<uint8_t> out);

  // Passes over `count` records.
  void skip(uint64_t count);

  // Verifies that nothing follows the last record, checksum of a gzip file included. REQUIRES: all
  // records have been read or skipped.
  void finish();

  // "PATH at byte OFFSET" of the next record.
  std::string where() const { return stream_.where(); }

 private:
  void parse_header();
  [[noreturn]] void throw_truncated() const;

  ByteStream stream_;
  std::vector<uint32_t> dimensions_;
  uint64_t record_bytes_ = 1;
  uint64_t content_bytes_ = 0;  // that the header promises, header included
};

}  // namespace podium::io
