// Writes HDF5 files as users do, through the plain library: any type, layout and filter.
//
// Used by one thread, while nothing else uses the library.
#pragma once

#include <hdf5.h>

#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

namespace podium::test {

struct UserLayout {
  std::vector<hsize_t> chunk = {};  // empty: contiguous
  unsigned deflate = 0;             // level; 0: none
  bool shuffle = false;
  bool fletcher32 = false;
};

class UserHdf5 {
 public:
  explicit UserHdf5(const std::filesystem::path& path, bool newest_format = false) {
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    if (newest_format) H5Pset_libver_bounds(access, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
    file_ = need(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access));
    H5Pclose(access);
  }
  ~UserHdf5() { H5Fclose(file_); }
  UserHdf5(const UserHdf5&) = delete;
  UserHdf5& operator=(const UserHdf5&) = delete;

  hid_t id() const { return file_; }

  void group(const std::string& name) {
    H5Gclose(need(H5Gcreate2(file_, name.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT)));
  }

  // `values` are of the native type `memory`; nothing is written without them.
  void dataset(const std::string& name, hid_t disk, hid_t memory, const std::vector<hsize_t>& shape,
               const void* values, const UserLayout& layout = {}) {
    const hid_t space =
        need(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr));
    const hid_t creation = need(H5Pcreate(H5P_DATASET_CREATE));
    if (!layout.chunk.empty()) {
      need(H5Pset_chunk(creation, static_cast<int>(layout.chunk.size()), layout.chunk.data()));
    }
    if (layout.shuffle) need(H5Pset_shuffle(creation));
    if (layout.deflate > 0) need(H5Pset_deflate(creation, layout.deflate));
    if (layout.fletcher32) need(H5Pset_fletcher32(creation));
    const hid_t id =
        need(H5Dcreate2(file_, name.c_str(), disk, space, H5P_DEFAULT, creation, H5P_DEFAULT));
    if (values != nullptr) need(H5Dwrite(id, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values));
    H5Dclose(id);
    H5Pclose(creation);
    H5Sclose(space);
  }

  // A text attribute of the root, of variable length as h5py writes it, or fixed.
  void attribute(const std::string& name, const std::string& text, bool variable) {
    const hid_t type = need(H5Tcopy(H5T_C_S1));
    need(H5Tset_size(type, variable ? H5T_VARIABLE : text.size()));
    const hid_t space = need(H5Screate(H5S_SCALAR));
    const hid_t id = need(H5Acreate2(file_, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT));
    const char* pointer = text.c_str();
    need(H5Awrite(id, type, variable ? static_cast<const void*>(&pointer) : pointer));
    H5Aclose(id);
    H5Sclose(space);
    H5Tclose(type);
  }

 private:
  template <typename Id>
  static Id need(Id id) {
    if (id < 0) throw std::runtime_error("the HDF5 library refused to write a test file");
    return id;
  }

  hid_t file_;
};

}  // namespace podium::test
