// HDF5 files and datasets with owners, checked return codes and one-line errors.
//
// Threads: the HDF5 library is not thread-safe (Debian builds its parallel variant without the
// thread-safe option, which excludes it), and its state is global to the process. Every function
// here therefore takes one process-wide lock; callers need none. The library's own error printing
// is off; its reasons go into ours.
//
// Lifetime: when MPI runs, HDF5 shuts down inside MPI_Finalize. Close files before that.
//
// Files are created in the 1.10 format, whose metadata carry checksums, with a user block for the
// seal (io/files/seal.hpp). HDF5's file locks are off: files are published by rename, and those
// locks fail on many network file systems. Numbers are little-endian on disk. No times are stored:
// equal content gives equal bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/handle.hpp"
#include "io/files/atomic_file.hpp"

namespace podium::io {

using Hdf5Id = int64_t;  // hid_t

struct Hdf5FileTraits {
  using Value = Hdf5Id;
  static Value null() noexcept { return -1; }
  static void close(Value id) noexcept;
};

struct Hdf5DatasetTraits {
  using Value = Hdf5Id;
  static Value null() noexcept { return -1; }
  static void close(Value id) noexcept;
};

// An array [rows, ...] in a file. Its element types are uint8_t, uint32_t and float; or texts.
class Hdf5Dataset {
 public:
  Hdf5Dataset(Hdf5Id id, std::string where);

  const std::vector<uint64_t>& shape() const { return shape_; }
  uint64_t rows() const { return shape_.empty() ? 1 : shape_.front(); }
  uint64_t row_elements() const;

  // Writes or reads whole rows from row `first` on. REQUIRES: they lie within the dataset. write
  // throws io_error; read throws data_error when a checksum fails.
  template <typename T>
  void write(uint64_t first, std::span<const T> values);
  template <typename T>
  void read(uint64_t first, std::span<T> values) const;

  // The same for a dataset of texts: each fills its row to the dataset's width with zeros; longer
  // ones are cut.
  void write_texts(uint64_t first, std::span<const std::string> texts);

  void write_attribute(const std::string& name, std::string_view text);
  std::string read_attribute(const std::string& name) const;

 private:
  Handle<Hdf5DatasetTraits> id_;
  std::string where_;  // file and dataset, for messages
  std::vector<uint64_t> shape_;
};

class Hdf5File {
 public:
  // Begins an HDF5 file in `file`. `data_bytes` is what its datasets and attributes will hold:
  // space for it is reserved at once, because the HDF5 library cannot recover from a disk that gets
  // full while it writes. Throws io_error.
  static Hdf5File create(TemporaryFile& file, uint64_t data_bytes);
  // Opens to read. Throws io_error, and data_error when it is no HDF5 file.
  static Hdf5File open(const std::filesystem::path& path);

  // Attributes of the root group: UTF-8 text of fixed length.
  void write_attribute(const std::string& name, std::string_view text);
  std::string read_attribute(const std::string& name) const;

  void create_group(const std::string& name);

  // Creates a dataset; groups on its path must exist. With `chunk_rows` it is cut into chunks of
  // that many rows, each with a Fletcher32 checksum; with 0 it is one contiguous block.
  template <typename T>
  Hdf5Dataset create_dataset(const std::string& name, const std::vector<uint64_t>& shape,
                             uint64_t chunk_rows);

  // One block of `rows` UTF-8 texts of up to `width` bytes each. REQUIRES: width > 0.
  Hdf5Dataset create_texts(const std::string& name, uint64_t rows, size_t width);

  // Throws data_error when it is missing or its elements are not of type T.
  template <typename T>
  Hdf5Dataset dataset(const std::string& name) const;

  // Writes everything out and closes: the way a writer learns that the disk is full. REQUIRES: no
  // dataset of this file is open. Throws io_error.
  void close();

 private:
  Hdf5File(Hdf5Id id, std::string path) : id_(id), path_(std::move(path)) {}

  Handle<Hdf5FileTraits> id_;
  std::string path_;
};

}  // namespace podium::io
