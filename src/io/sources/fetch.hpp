// Downloads through libcurl: resumed, verified and published atomically.
//
// A download goes to a PartFile beside its target and gets its own name only when it is whole and
// its SHA-256 is right. What a broken transfer has brought is kept, and the next attempt asks for
// the rest (RFC 9110, Range with If-Range): of the same URL if the server vouches that the content
// is the same, of any URL if a SHA-256 will tell. Thread-safe; several threads or processes that
// fetch one target take turns, and all but the first find it there. Waits are bounded: 15 s to
// connect, then at least 1 KB/s over each 30 s, an hour for another process.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace podium::io {

struct Download {
  // The same file in several places, tried in turn: http, https and file URLs, and local paths.
  std::vector<std::string> urls;
  std::filesystem::path target;
  std::string sha256;  // 64 lower-case hexadecimal digits; empty: not verified
};

// Fetches from the first URL that gives the right file; does nothing when the target exists. Files
// of more than 64 GiB are refused. Throws data_error naming expected and found checksum when all
// that were reached gave other content; unavailable_error with the reason of each when none was
// reached, with `remedy`; io_error when the target cannot be written, and then keeps nothing.
void fetch(const Download& download, const std::string& remedy);

}  // namespace podium::io
