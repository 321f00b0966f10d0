// Tar archives for tests, written by hand as POSIX ustar so that they may be wrong on purpose.
#pragma once

#include <cstdio>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include "io/data_files.hpp"

namespace podium::test {

struct TarEntry {
  std::string path;
  Bytes content;
  char type = '0';  // '0' file, '1' hard link, '2' symbolic link, '5' folder
  std::string link{};
};

inline Bytes tar_header(const TarEntry& entry) {
  constexpr size_t block = 512;
  Bytes header(block, 0);
  const auto put = [&](size_t at, const std::string& text) {
    std::memcpy(header.data() + at, text.data(), text.size());
  };
  const auto put_octal = [&](size_t at, size_t digits, size_t value) {
    std::string text(digits, '0');
    for (size_t i = digits; i > 0; --i, value /= 8)
      text[i - 1] = static_cast<char>('0' + value % 8);
    put(at, text);
  };
  put(0, entry.path);
  put_octal(100, 7, 0644);
  put_octal(108, 7, 0);
  put_octal(116, 7, 0);
  put_octal(124, 11, entry.content.size());
  put_octal(136, 11, 0);
  put(148, std::string(8, ' '));  // the checksum counts as blanks
  header[156] = static_cast<uint8_t>(entry.type);
  put(157, entry.link);
  put(257, "ustar");
  put(263, "00");
  put_octal(148, 6, std::accumulate(header.begin(), header.end(), size_t{0}));
  header[154] = 0;
  return header;
}

inline Bytes tar_bytes(const std::vector<TarEntry>& entries) {
  constexpr size_t block = 512;
  Bytes bytes;
  for (const TarEntry& entry : entries) {
    const Bytes header = tar_header(entry);
    bytes.insert(bytes.end(), header.begin(), header.end());
    bytes.insert(bytes.end(), entry.content.begin(), entry.content.end());
    bytes.resize((bytes.size() + block - 1) / block * block, 0);
  }
  bytes.resize(bytes.size() + 2 * block, 0);
  return bytes;
}

}  // namespace podium::test
