// PartFile: a download on its way, kept as ".NAME.part" beside its target so that it can go on
// later.
//
// ".NAME.part.origin" says where the bytes come from: a URL, and the validator by which its server
// recognises that very content (RFC 9110, section 13.1.5). One owner at a time, among threads and
// processes: the part is locked (flock), so that the kernel frees it when its owner dies. A part
// without bytes is removed by the destructor. Used by one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "core/file_descriptor.hpp"

namespace podium::io {

struct PartOrigin {
  std::string url;
  std::string validator;  // an ETag or a Last-Modified date; empty: the server gave none
};

class PartFile {
 public:
  // Opens the part of `target`, or begins it. Waits up to `timeout` while another has it. Throws
  // io_error, and unavailable_error on timeout.
  PartFile(std::filesystem::path target, std::chrono::milliseconds timeout);
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;
  ~PartFile();

  uint64_t bytes() const { return bytes_; }
  const PartOrigin& origin() const { return origin_; }

  // Drops what there is; the bytes that follow come from `origin`. Throws io_error.
  void begin(const PartOrigin& origin);

  // Throws io_error.
  void append(std::string_view bytes);

  // Forgets everything.
  void drop() { begin({}); }

  // 64 lower-case hexadecimal digits, of what is in the file. Throws io_error.
  std::string sha256() const;

  // Makes the content durable and gives it the target's name. Nothing may follow. Throws io_error.
  void publish();

 private:
  bool lock_once();
  void read_origin();

  std::filesystem::path target_;
  std::filesystem::path path_;
  std::filesystem::path origin_path_;
  FileDescriptor file_;
  uint64_t bytes_ = 0;
  PartOrigin origin_;
};

}  // namespace podium::io
