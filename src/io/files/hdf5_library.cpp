#include "io/files/hdf5_library.hpp"

#include <cerrno>
#include <charconv>
#include <new>
#include <string_view>

#include "core/error.hpp"
#include "core/log.hpp"

namespace podium::io::hdf5 {
namespace {

// The library's lock. A function-local static is the one exception to "no globals": it guards state
// that the HDF5 library itself keeps globally.
std::recursive_mutex& library_mutex() {
  struct Library {
    std::recursive_mutex mutex;
    // Files are closed by their owners, never at exit: there the library crashes on a file that it
    // could not write.
    Library() {
      H5dont_atexit();
      H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
    }
  };
  static Library library;
  return library.mutex;
}

herr_t collect_reason(unsigned, const H5E_error2_t* entry, void* result) {
  auto& reason = *static_cast<Reason*>(result);
  const std::string text = entry->desc == nullptr ? "" : entry->desc;
  if (reason.text.empty()) reason.text = text.substr(0, text.find(':'));
  constexpr std::string_view key = "errno = ";
  const size_t at = text.find(key);
  if (at != std::string::npos && reason.errno_value == 0) {
    std::from_chars(text.data() + at + key.size(), text.data() + text.size(), reason.errno_value);
  }
  return 0;
}

[[noreturn]] void throw_write_failure(const std::string& what, const std::string& where) {
  const Reason reason = take_reason();
  const std::string text = reason.text.empty() ? what : what + ": " + reason.text;
  throw io_error(text, where, reason.errno_value == 0 ? EIO : reason.errno_value);
}

[[noreturn]] void throw_read_failure(const std::string& what, const std::string& where) {
  const Reason reason = take_reason();
  if (reason.errno_value != 0) throw io_error(what, where, reason.errno_value);
  throw data_error(reason.text.empty() ? what : what + ": " + reason.text, where,
                   "the file is damaged or of another kind; make it again");
}

}  // namespace

LibraryLock::LibraryLock() : guard_(library_mutex()) {}

// The lock knows its owner by a thread number, which the child's only thread does not inherit.
void renew_library_lock() {
  new (&library_mutex()) std::recursive_mutex;
}

void warn_of_close() noexcept {
  warn_in_destructor("close of an HDF5 object", "the library refused");
}

Reason take_reason() {
  Reason reason;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, collect_reason, &reason);
  H5Eclear2(H5E_DEFAULT);
  return reason;
}

void check(bool ok, Access access, const char* what, const std::string& where) {
  if (ok) return;
  if (access == Access::write) throw_write_failure(what, where);
  throw_read_failure(what, where);
}

Selection select_rows(hid_t dataset, const std::vector<uint64_t>& shape, uint64_t first,
                      uint64_t count, Access access, const std::string& where) {
  Selection selection{Space(H5Dget_space(dataset)), Space()};
  bool ok = static_cast<bool>(selection.file);
  if (ok && !shape.empty()) {
    std::vector<hsize_t> start(shape.size(), 0);
    std::vector<hsize_t> extent(shape.begin(), shape.end());
    start[0] = first;
    extent[0] = count;
    ok = H5Sselect_hyperslab(selection.file.get(), H5S_SELECT_SET, start.data(), nullptr,
                             extent.data(), nullptr) >= 0;
    selection.memory.reset(
        H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr));
  } else if (ok) {
    selection.memory.reset(H5Screate(H5S_SCALAR));
  }
  check(ok && selection.memory, access, "cannot select rows of an HDF5 dataset", where);
  return selection;
}

std::vector<uint64_t> shape_of(hid_t dataset, const std::string& where) {
  const Space space(H5Dget_space(dataset));
  const int rank = space ? H5Sget_simple_extent_ndims(space.get()) : -1;
  check(rank >= 0, Access::read, "cannot read the shape of an HDF5 dataset", where);
  std::vector<hsize_t> extent(static_cast<size_t>(rank));
  if (rank > 0) {
    check(H5Sget_simple_extent_dims(space.get(), extent.data(), nullptr) == rank, Access::read,
          "cannot read the shape of an HDF5 dataset", where);
  }
  return {extent.begin(), extent.end()};
}

}  // namespace podium::io::hdf5
