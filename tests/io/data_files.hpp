// Small IDX data sets for tests, plain and gzip, and ways to damage files.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"

namespace podium::test {

using Bytes = std::vector<uint8_t>;

inline void append_big_endian(Bytes& bytes, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8)
    bytes.push_back(static_cast<uint8_t>(value >> shift));
}

// An IDX file of unsigned bytes.
inline Bytes idx_bytes(const std::vector<uint32_t>& dimensions, const Bytes& elements) {
  Bytes bytes{0, 0, 8, static_cast<uint8_t>(dimensions.size())};
  for (const uint32_t size : dimensions) append_big_endian(bytes, size);
  bytes.insert(bytes.end(), elements.begin(), elements.end());
  return bytes;
}

inline Bytes gzip(const Bytes& content) {
  z_stream stream{};
  if (deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::runtime_error("deflateInit2 failed");
  }
  Bytes out(deflateBound(&stream, content.size()) + 64);
  stream.next_in = const_cast<uint8_t*>(content.data());
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  const int status = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  if (status != Z_STREAM_END) throw std::runtime_error("deflate failed");
  return out;
}

inline void write_bytes(const std::filesystem::path& path, const Bytes& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  if (!file) throw std::runtime_error("cannot write " + path.string());
}

inline Bytes read_bytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// The pixel of an image that tests can recompute.
inline uint8_t test_pixel(uint64_t part, uint64_t record, uint64_t position) {
  return static_cast<uint8_t>(part * 101 + record * 7 + position * 3 + record / 256);
}

inline Bytes test_images(uint64_t part, uint32_t records, uint32_t image_bytes) {
  Bytes pixels;
  for (uint32_t record = 0; record < records; ++record) {
    for (uint32_t i = 0; i < image_bytes; ++i) pixels.push_back(test_pixel(part, record, i));
  }
  return pixels;
}

inline Bytes test_labels(uint32_t records, uint32_t classes) {
  Bytes labels;
  for (uint32_t record = 0; record < records; ++record)
    labels.push_back((record * 3 + 1) % classes);
  return labels;
}

struct TinySet {
  uint32_t train = 2500;
  uint32_t test = 300;
  uint32_t height = 5;
  uint32_t width = 4;
  uint32_t classes = 10;
};

// Writes the four files of a set into `folder`, gzip or plain.
inline void write_idx_folder(const std::filesystem::path& folder, const TinySet& set,
                             bool compressed) {
  std::filesystem::create_directories(folder);
  const auto write = [&](const std::string& name, const Bytes& bytes) {
    write_bytes(folder / (name + (compressed ? ".gz" : "")), compressed ? gzip(bytes) : bytes);
  };
  const uint32_t image_bytes = set.height * set.width;
  write("train-images-idx3-ubyte",
        idx_bytes({set.train, set.height, set.width}, test_images(0, set.train, image_bytes)));
  write("train-labels-idx1-ubyte", idx_bytes({set.train}, test_labels(set.train, set.classes)));
  write("t10k-images-idx3-ubyte",
        idx_bytes({set.test, set.height, set.width}, test_images(1, set.test, image_bytes)));
  write("t10k-labels-idx1-ubyte", idx_bytes({set.test}, test_labels(set.test, set.classes)));
}

inline void flip_bit(const std::filesystem::path& path, uint64_t byte, int bit) {
  Bytes bytes = read_bytes(path);
  bytes.at(byte) ^= static_cast<uint8_t>(1 << bit);
  write_bytes(path, bytes);
}

// What an action threw: exit code and message; code `done` when it threw nothing.
struct Thrown {
  ExitCode code = ExitCode::done;
  std::string message;

  bool mentions(std::string_view text) const { return message.find(text) != std::string::npos; }
};

template <typename Action>
Thrown thrown_by(Action&& action) {
  try {
    action();
    return {};
  } catch (const Error& error) {
    return {error.code(), error.what()};
  }
}

}  // namespace podium::test
