// What the fuzz targets share: the entry point that libFuzzer and replay_main.cpp call, what counts
// as a finding, and inputs as files.
//
// A reader may refuse an input by an Error of one of the codes that docs/cli.md gives for bad
// input. Everything else ends the process with a message: another exception, an internal_error, a
// broken promise. Used by one thread.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "io/sources/source.hpp"

// Defined by each target: reads the input and returns 0.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace podium::fuzz {

using Input = std::span<const uint8_t>;

// Ends the process, which drivers report as a finding.
[[noreturn]] inline void finding(const std::string& what) {
  std::fprintf(stderr, "FINDING: %s\n", what.c_str());
  std::abort();
}

inline void expect(bool promise, const char* what) {
  if (!promise) finding(what);
}

inline bool is_refusal(ExitCode code) {
  return code == ExitCode::usage || code == ExitCode::bad_data || code == ExitCode::io ||
         code == ExitCode::unavailable;
}

// Runs `action`, which may refuse its input.
template <typename Action>
void read_or_refuse(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    if (!is_refusal(error.code())) finding(std::string("not a refusal: ") + error.what());
  } catch (const std::exception& error) {
    finding(std::string("an exception that no user should see: ") + error.what());
  }
}

// A folder for the files of one process, where TMPDIR says; removed when that process, and no child
// of it, ends in good order.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "podium-fuzz-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) finding("cannot make a scratch folder");
    path_ = pattern;
  }
  ~ScratchFolder() {
    if (::getpid() != owner_) return;
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  pid_t owner_ = ::getpid();
  std::filesystem::path path_;
};

inline void write_file(const std::filesystem::path& path, Input bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) finding("cannot write " + path.string());
}

inline std::string as_text(Input bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Cuts an input into `count` files: two bytes, little-endian, give the length of each but the last,
// then their contents follow. A length that is too large takes what is left.
inline std::vector<Input> cut(Input input, size_t count) {
  constexpr size_t length_bytes = 2;
  std::vector<size_t> lengths;
  for (size_t i = 0; i + 1 < count && input.size() >= length_bytes; ++i) {
    lengths.push_back(input[0] | size_t{input[1]} << 8);
    input = input.subspan(length_bytes);
  }
  lengths.resize(count, 0);
  lengths.back() = input.size();
  std::vector<Input> pieces;
  for (const size_t length : lengths) {
    const size_t taken = std::min(length, input.size());
    pieces.push_back(input.first(taken));
    input = input.subspan(taken);
  }
  return pieces;
}

// Reads all records of a part, in batches of at most 1 MiB or one image, and checks the labels.
inline void read_part(const io::Source& source, io::Part part) {
  constexpr uint64_t batch_bytes = uint64_t{1} << 20;
  const size_t image_bytes = source.info().shape.bytes();
  expect(image_bytes > 0, "images without pixels");
  const uint64_t batch = std::max<uint64_t>(1, batch_bytes / image_bytes);
  const auto stream = source.open(part, 0);
  std::vector<uint8_t> images;
  std::vector<uint8_t> labels;
  for (uint64_t left = source.info().records(part); left > 0; left -= labels.size()) {
    labels.resize(std::min(batch, left));
    images.resize(labels.size() * image_bytes);
    stream->read(images, labels);
    for (const uint8_t label : labels) {
      expect(label < source.info().class_names.size(), "a label that is no class");
    }
  }
  stream->finish();
}

// Opens `path` as a user would name it, and reads everything.
inline void read_source(const std::filesystem::path& path) {
  io::SourceOptions options;
  options.source = path.string();
  options.log = Log(LogLevel::error, "fuzz");
  const auto source = io::open_source(options);
  for (const io::Part part : {io::Part::train, io::Part::test}) read_part(*source, part);
}

}  // namespace podium::fuzz
