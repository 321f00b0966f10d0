// Hdf5Reader: the child process behind GuardedHdf5File, and the questions it answers.
//
// A question is a fixed header and a name; the answer is a fixed header, a text (a message, or an
// attribute) and data. Both ends are the same program, so the headers are plain memory; but the
// child may have overwritten its own, so its answers are not trusted. Used by one thread at a time.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "core/file_descriptor.hpp"

namespace podium::io {

enum class Hdf5Question : uint32_t { open, find, dataset, text_attribute, read };
enum class Hdf5Numbers : uint32_t { uint8, int64, real };  // what values are read as

struct Hdf5Request {
  Hdf5Question question = Hdf5Question::open;
  Hdf5Numbers numbers = Hdf5Numbers::uint8;
  uint64_t dataset = 0;
  uint64_t first = 0;  // row
  uint64_t values = 0;
  uint64_t name_bytes = 0;
};

struct Hdf5Answer {
  int32_t code = 0;     // an ExitCode; other than `done` the text is its message
  uint32_t detail = 0;  // the kind of an object, the elements of a dataset, whether there is a text
  uint64_t dataset = 0;             // its number, for requests
  uint64_t rank = 0;                // of the dataset
  std::array<uint64_t, 4> shape{};  // likewise
  uint64_t text_bytes = 0;
  uint64_t data_bytes = 0;
};

class Hdf5Reader {
 public:
  // Forks the child. Throws io_error.
  explicit Hdf5Reader(std::filesystem::path path);
  Hdf5Reader(const Hdf5Reader&) = delete;
  Hdf5Reader& operator=(const Hdf5Reader&) = delete;
  // Ends the child at once.
  ~Hdf5Reader();

  struct Reply {
    Hdf5Answer answer;
    std::string text;
  };

  // Asks, and fills `data` with the data of the answer. Throws the child's error; data_error when
  // the child ended or its answer is of another form.
  Reply ask(Hdf5Request request, const std::string& name, std::span<std::byte> data);

  // A data_error: the child can no longer be asked.
  [[noreturn]] void throw_ended() const;

 private:
  std::filesystem::path path_;
  FileDescriptor socket_;
  pid_t child_ = -1;
};

}  // namespace podium::io
