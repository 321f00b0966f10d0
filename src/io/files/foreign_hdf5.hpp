// ForeignHdf5File: an HDF5 file that others wrote, read with suspicion.
//
// Such a file has no seal, may use any version of the format and may be damaged, while the HDF5
// library trusts what it reads. So only plain things are let through to it: datasets under real
// links, of standard integers or IEEE floats, stored in the file itself, compressed by filters of
// the library's own, with as much stored as their shape asks for, in chunks of bounded size.
// Attributes are not trusted further. Thread-safe through the library's lock (hdf5_file.hpp).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/files/hdf5_file.hpp"

namespace podium::io {

// Whether the file has the signature of HDF5 where the format allows it: at byte 0, 512, 1024, 2048
// and so on. False for what cannot be read.
bool is_hdf5_file(const std::filesystem::path& path);

// An array [rows, ...] of numbers. Reading keeps what the chunks of one row need in memory, at most
// chunk_bytes_limit.
class ForeignDataset {
 public:
  enum class Elements { uint8, integer, real };  // integer: any other than uint8
  static constexpr uint64_t chunk_bytes_limit = uint64_t{1} << 28;

  const std::vector<uint64_t>& shape() const { return shape_; }
  uint64_t rows() const { return shape_.front(); }
  uint64_t row_elements() const;
  Elements elements() const { return elements_; }
  const std::string& where() const { return where_; }  // file and dataset, for messages

  // Reads whole rows from row `first` on, converted to T: uint8_t, int64_t or double. Numbers out
  // of T's range become its nearest end. REQUIRES: the rows lie within the dataset. Throws
  // data_error when a checksum or a filter fails, io_error.
  template <typename T>
  void read(uint64_t first, std::span<T> values) const;

 private:
  friend class ForeignHdf5File;
  ForeignDataset() = default;

  Handle<Hdf5DatasetTraits> id_;
  std::string where_;
  std::vector<uint64_t> shape_;
  Elements elements_ = Elements::uint8;
};

class ForeignHdf5File {
 public:
  enum class Object { none, group, dataset, other };

  // Throws io_error, and data_error when it is no HDF5 file.
  explicit ForeignHdf5File(const std::filesystem::path& path);

  // What is under `name`, a path such as "train/images". A link to elsewhere is `other`.
  Object find(const std::string& name) const;

  // Throws data_error when there is no such dataset or one of a kind that is not let through.
  ForeignDataset dataset(const std::string& name) const;

  // Text of an attribute of the root group; empty when there is none. Throws data_error for other
  // than one text of at most 1 MiB.
  std::optional<std::string> text_attribute(const std::string& name) const;

 private:
  Handle<Hdf5FileTraits> id_;
  std::string path_;
  uint64_t file_bytes_ = 0;
};

}  // namespace podium::io
