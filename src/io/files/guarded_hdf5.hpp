// GuardedHdf5File: an HDF5 file that others wrote, read by a child process.
//
// The HDF5 library trusts the metadata of a file: a few changed bytes in one without checksums,
// which is what most tools write, let it overwrite its own memory. The checks of ForeignHdf5File
// come too late for that, and a scan beforehand proves nothing, since memory that was overwritten
// may fail later. So this process never opens such a file: a child does, through ForeignHdf5File,
// and passes what was asked for over a socket. What goes wrong there (a crash, more memory than
// memory_limit_bytes, more than cpu_limit_s of work on one question) is a data_error here.
//
// The child is forked, not started anew: any program may then read such a file, without an entry of
// its own for the child. Between fork() and its end the child only uses the HDF5 library, memory
// and its socket. It has none of this process's other files, says nothing on stderr, and ends when
// ends when the socket closes, so also when this process dies. A file and its datasets are used by
// one thread at a time; different files by different threads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/files/foreign_hdf5.hpp"

namespace podium::io {

class Hdf5Reader;  // the child, as this process sees it

// The counterpart of ForeignDataset. Keeps the child alive.
class GuardedDataset {
 public:
  using Elements = ForeignDataset::Elements;

  const std::vector<uint64_t>& shape() const { return shape_; }
  uint64_t rows() const { return shape_.front(); }
  uint64_t row_elements() const;
  Elements elements() const { return elements_; }
  const std::string& where() const { return where_; }  // file and dataset, for messages

  // As ForeignDataset::read().
  template <typename T>
  void read(uint64_t first, std::span<T> values) const;

 private:
  friend class GuardedHdf5File;
  GuardedDataset() = default;

  std::shared_ptr<Hdf5Reader> reader_;
  uint64_t number_ = 0;  // the child's name for it
  std::string where_;
  std::vector<uint64_t> shape_;
  Elements elements_ = Elements::uint8;
};

// The counterpart of ForeignHdf5File: the same functions, which throw the same, and data_error when
// the child ended. The constructor also throws io_error when the system gives no process.
class GuardedHdf5File {
 public:
  using Object = ForeignHdf5File::Object;
  static constexpr uint64_t memory_limit_bytes = uint64_t{1} << 30;  // of the child, for the file
  static constexpr uint64_t cpu_limit_s = 10;

  explicit GuardedHdf5File(const std::filesystem::path& path);

  Object find(const std::string& name) const;
  GuardedDataset dataset(const std::string& name) const;
  std::optional<std::string> text_attribute(const std::string& name) const;

 private:
  std::shared_ptr<Hdf5Reader> reader_;
  std::string path_;
};

}  // namespace podium::io
