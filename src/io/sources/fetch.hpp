// Downloads through libcurl, verified and published atomically.
//
// http, https and file URLs. A download goes to a temporary name, is hashed on the way, and gets
// its own name only when it is whole and its SHA-256 is right. Thread-safe; waits are bounded: 15 s
// to connect, then at least 1 KB/s over each 30 s.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace podium::io {

struct Download {
  std::vector<std::string> urls;  // the same file in several places, tried in turn
  std::filesystem::path target;
  std::string sha256;  // 64 lower-case hexadecimal digits; empty: not verified
};

// Fetches from the first URL that gives the right file. Throws data_error naming expected and found
// checksum when all that were reached gave other content; unavailable_error with the reason of each
// when none was reached, with `remedy`; io_error when the target cannot be written.
void fetch(const Download& download, const std::string& remedy);

}  // namespace podium::io
