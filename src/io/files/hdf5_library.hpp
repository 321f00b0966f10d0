// The HDF5 library behind hdf5_file and foreign_hdf5: its lock, owners of its ids, its reasons.
//
// The library is not thread-safe and its state is global to the process: whatever calls it holds a
// LibraryLock, which may be taken again by the thread that has it. Only those two files, and
// hdf5_reader for the lock, include this one; everything else uses what they offer.
#pragma once

#include <hdf5.h>

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "core/handle.hpp"

namespace podium::io::hdf5 {

class LibraryLock {
 public:
  LibraryLock();

 private:
  std::lock_guard<std::recursive_mutex> guard_;
};

// Makes the lock anew, free. REQUIRES: the process was just forked, by a thread that held the lock.
void renew_library_lock();

void warn_of_close() noexcept;

template <herr_t (*Close)(hid_t)>
struct IdTraits {
  using Value = hid_t;
  static Value null() noexcept { return -1; }
  static void close(Value id) noexcept {
    if (Close(id) < 0) warn_of_close();
  }
};
using Space = Handle<IdTraits<H5Sclose>>;
using Type = Handle<IdTraits<H5Tclose>>;
using Properties = Handle<IdTraits<H5Pclose>>;
using Attribute = Handle<IdTraits<H5Aclose>>;
using Group = Handle<IdTraits<H5Gclose>>;

// What the library's error stack says: its innermost reason and the errno, if the system failed.
struct Reason {
  std::string text;
  int errno_value = 0;
};

// Empties the error stack.
Reason take_reason();

// A write that failed is an io_error. A read that failed is one if the system failed, else a
// data_error.
enum class Access { read, write };

// Throws `what` with the library's reason unless `ok`.
void check(bool ok, Access access, const char* what, const std::string& where);

// Rows [first, first + count) of `dataset` in its file, and memory of the same shape.
struct Selection {
  Space file;
  Space memory;
};

Selection select_rows(hid_t dataset, const std::vector<uint64_t>& shape, uint64_t first,
                      uint64_t count, Access access, const std::string& where);

// The dimensions of `dataset`; empty for a scalar. Throws data_error.
std::vector<uint64_t> shape_of(hid_t dataset, const std::string& where);

}  // namespace podium::io::hdf5
