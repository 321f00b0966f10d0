#include "io/files/hdf5_file.hpp"

#include <hdf5.h>

#include <type_traits>

#include "core/error.hpp"
#include "core/log.hpp"
#include "io/files/hdf5_library.hpp"
#include "io/files/seal.hpp"

namespace podium::io {

using namespace hdf5;

namespace {

static_assert(std::is_same_v<Hdf5Id, hid_t>);

// More than the metadata of any file of ours, chunk indexes included.
constexpr uint64_t metadata_bytes = uint64_t{1} << 20;

template <typename T>
hid_t memory_type() {
  if constexpr (std::is_same_v<T, uint8_t>) return H5T_NATIVE_UINT8;
  if constexpr (std::is_same_v<T, uint32_t>) return H5T_NATIVE_UINT32;
  if constexpr (std::is_same_v<T, float>) return H5T_NATIVE_FLOAT;
}

template <typename T>
hid_t disk_type() {
  if constexpr (std::is_same_v<T, uint8_t>) return H5T_STD_U8LE;
  if constexpr (std::is_same_v<T, uint32_t>) return H5T_STD_U32LE;
  if constexpr (std::is_same_v<T, float>) return H5T_IEEE_F32LE;
}

Properties file_access(const std::string& path) {
  Properties access(H5Pcreate(H5P_FILE_ACCESS));
  const bool ok = access && H5Pset_file_locking(access.get(), false, true) >= 0 &&
                  H5Pset_libver_bounds(access.get(), H5F_LIBVER_V110, H5F_LIBVER_V110) >= 0;
  check(ok, Access::write, "cannot set HDF5 file access", path);
  return access;
}

// Properties for creating an object of `kind` that stores no times.
Properties creation_of(hid_t kind, const std::string& where) {
  Properties creation(H5Pcreate(kind));
  check(creation && H5Pset_obj_track_times(creation.get(), false) >= 0, Access::write,
        "cannot set HDF5 creation properties", where);
  return creation;
}

// Texts of `width` bytes, padded with zeros.
Type text_type(size_t width) {
  Type type(H5Tcopy(H5T_C_S1));
  const bool ok = type && H5Tset_size(type.get(), width) >= 0 &&
                  H5Tset_strpad(type.get(), H5T_STR_NULLPAD) >= 0 &&
                  H5Tset_cset(type.get(), H5T_CSET_UTF8) >= 0;
  if (!ok) type.reset();
  return type;
}

void write_text_attribute(hid_t owner, const std::string& name, std::string_view text,
                          const std::string& where) {
  const std::string content = text.empty() ? std::string(1, '\0') : std::string(text);
  const Type type = text_type(content.size());
  const Space space(H5Screate(H5S_SCALAR));
  bool ok = type && space;
  Attribute attribute;
  if (ok) {
    attribute.reset(
        H5Acreate2(owner, name.c_str(), type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT));
    ok = attribute && H5Awrite(attribute.get(), type.get(), content.data()) >= 0;
  }
  check(ok, Access::write, "cannot write an HDF5 attribute", where + " attribute " + name);
}

std::string read_text_attribute(hid_t owner, const std::string& name, const std::string& file) {
  const std::string where = file + " attribute " + name;
  const Attribute attribute(H5Aopen(owner, name.c_str(), H5P_DEFAULT));
  check(static_cast<bool>(attribute), Access::read, "missing HDF5 attribute", where);
  const Type type(H5Aget_type(attribute.get()));
  const Space space(H5Aget_space(attribute.get()));
  const bool is_text = type && space && H5Tget_class(type.get()) == H5T_STRING &&
                       H5Tis_variable_str(type.get()) == 0 &&
                       H5Sget_simple_extent_npoints(space.get()) == 1;
  check(is_text, Access::read, "an HDF5 attribute is not text of fixed length", where);
  std::string text(H5Tget_size(type.get()), '\0');
  check(H5Aread(attribute.get(), type.get(), text.data()) >= 0, Access::read,
        "cannot read an HDF5 attribute", where);
  while (!text.empty() && text.back() == '\0') text.pop_back();
  return text;
}

}  // namespace

void Hdf5FileTraits::close(Value id) noexcept {
  const LibraryLock lock;
  if (H5Fclose(id) < 0) warn_in_destructor("close of an HDF5 file", take_reason().text.c_str());
}

void Hdf5DatasetTraits::close(Value id) noexcept {
  const LibraryLock lock;
  if (H5Dclose(id) < 0) warn_in_destructor("close of an HDF5 dataset", take_reason().text.c_str());
}

Hdf5Dataset::Hdf5Dataset(Hdf5Id id, std::string where) : id_(id), where_(std::move(where)) {
  const LibraryLock lock;
  shape_ = shape_of(id_.get(), where_);
}

uint64_t Hdf5Dataset::row_elements() const {
  uint64_t elements = 1;
  for (size_t axis = 1; axis < shape_.size(); ++axis) elements *= shape_[axis];
  return elements;
}

template <typename T>
void Hdf5Dataset::write(uint64_t first, std::span<const T> values) {
  if (values.empty()) return;
  const LibraryLock lock;
  const uint64_t count = values.size() / row_elements();
  require(count * row_elements() == values.size() && first + count <= rows(),
          "an HDF5 write takes whole rows of its dataset", where_.c_str());
  const Selection rows = select_rows(id_.get(), shape_, first, count, Access::write, where_);
  check(H5Dwrite(id_.get(), memory_type<T>(), rows.memory.get(), rows.file.get(), H5P_DEFAULT,
                 values.data()) >= 0,
        Access::write, "cannot write an HDF5 dataset", where_);
}

template <typename T>
void Hdf5Dataset::read(uint64_t first, std::span<T> values) const {
  if (values.empty()) return;
  const LibraryLock lock;
  const uint64_t count = values.size() / row_elements();
  require(count * row_elements() == values.size() && first + count <= rows(),
          "an HDF5 read takes whole rows of its dataset", where_.c_str());
  const Selection rows = select_rows(id_.get(), shape_, first, count, Access::read, where_);
  check(H5Dread(id_.get(), memory_type<T>(), rows.memory.get(), rows.file.get(), H5P_DEFAULT,
                values.data()) >= 0,
        Access::read, "cannot read an HDF5 dataset", where_);
}

void Hdf5Dataset::write_texts(uint64_t first, std::span<const std::string> texts) {
  if (texts.empty()) return;
  const LibraryLock lock;
  require(shape_.size() == 1 && first + texts.size() <= rows(), "texts lie within their dataset",
          where_.c_str());
  const Type type(H5Dget_type(id_.get()));
  check(static_cast<bool>(type), Access::write, "cannot write an HDF5 dataset", where_);
  const size_t width = H5Tget_size(type.get());
  std::string rows(texts.size() * width, '\0');
  for (size_t i = 0; i < texts.size(); ++i) texts[i].copy(rows.data() + i * width, width);
  const Selection place =
      select_rows(id_.get(), shape_, first, texts.size(), Access::write, where_);
  check(H5Dwrite(id_.get(), type.get(), place.memory.get(), place.file.get(), H5P_DEFAULT,
                 rows.data()) >= 0,
        Access::write, "cannot write an HDF5 dataset", where_);
}

void Hdf5Dataset::write_attribute(const std::string& name, std::string_view text) {
  const LibraryLock lock;
  write_text_attribute(id_.get(), name, text, where_);
}

std::string Hdf5Dataset::read_attribute(const std::string& name) const {
  const LibraryLock lock;
  return read_text_attribute(id_.get(), name, where_);
}

Hdf5File Hdf5File::create(TemporaryFile& file, uint64_t data_bytes) {
  const LibraryLock lock;
  const std::filesystem::path& path = file.path();
  file.probe_space(data_bytes + metadata_bytes);
  const Properties access = file_access(path.string());
  const Properties creation = creation_of(H5P_FILE_CREATE, path.string());
  check(H5Pset_userblock(creation.get(), seal_bytes) >= 0, Access::write,
        "cannot set HDF5 file properties", path.string());
  const hid_t id = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation.get(), access.get());
  check(id >= 0, Access::write, "cannot create an HDF5 file", path.string());
  Hdf5File hdf5(id, path.string());
  file.reserve_space(data_bytes + metadata_bytes);
  return hdf5;
}

Hdf5File Hdf5File::open(const std::filesystem::path& path) {
  const LibraryLock lock;
  const Properties access = file_access(path.string());
  const hid_t id = H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.get());
  check(id >= 0, Access::read, "cannot open an HDF5 file", path.string());
  return {id, path.string()};
}

void Hdf5File::write_attribute(const std::string& name, std::string_view text) {
  const LibraryLock lock;
  write_text_attribute(id_.get(), name, text, path_);
}

std::string Hdf5File::read_attribute(const std::string& name) const {
  const LibraryLock lock;
  return read_text_attribute(id_.get(), name, path_);
}

void Hdf5File::create_group(const std::string& name) {
  const LibraryLock lock;
  const Properties creation = creation_of(H5P_GROUP_CREATE, path_);
  const Group group(H5Gcreate2(id_.get(), name.c_str(), H5P_DEFAULT, creation.get(), H5P_DEFAULT));
  check(static_cast<bool>(group), Access::write, "cannot create an HDF5 group",
        path_ + " group " + name);
}

template <typename T>
Hdf5Dataset Hdf5File::create_dataset(const std::string& name, const std::vector<uint64_t>& shape,
                                     uint64_t chunk_rows) {
  const LibraryLock lock;
  const std::string where = path_ + " dataset " + name;
  const std::vector<hsize_t> extent(shape.begin(), shape.end());
  const Space space(
      extent.empty() ? H5Screate(H5S_SCALAR)
                     : H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr));
  const Properties creation = creation_of(H5P_DATASET_CREATE, path_);
  bool ok = space && H5Pset_fill_time(creation.get(), H5D_FILL_TIME_NEVER) >= 0;
  if (ok && chunk_rows > 0) {
    std::vector<hsize_t> chunk = extent;
    chunk[0] = chunk_rows;
    ok = H5Pset_chunk(creation.get(), static_cast<int>(chunk.size()), chunk.data()) >= 0 &&
         H5Pset_fletcher32(creation.get()) >= 0;
  }
  const hid_t id = ok ? H5Dcreate2(id_.get(), name.c_str(), disk_type<T>(), space.get(),
                                   H5P_DEFAULT, creation.get(), H5P_DEFAULT)
                      : -1;
  check(id >= 0, Access::write, "cannot create an HDF5 dataset", where);
  return {id, where};
}

Hdf5Dataset Hdf5File::create_texts(const std::string& name, uint64_t rows, size_t width) {
  const LibraryLock lock;
  const std::string where = path_ + " dataset " + name;
  const hsize_t extent = rows;
  const Type type = text_type(width);
  const Space space(H5Screate_simple(1, &extent, nullptr));
  const Properties creation = creation_of(H5P_DATASET_CREATE, path_);
  const bool ok = type && space && H5Pset_fill_time(creation.get(), H5D_FILL_TIME_NEVER) >= 0;
  const hid_t id = ok ? H5Dcreate2(id_.get(), name.c_str(), type.get(), space.get(), H5P_DEFAULT,
                                   creation.get(), H5P_DEFAULT)
                      : -1;
  check(id >= 0, Access::write, "cannot create an HDF5 dataset", where);
  return {id, where};
}

template <typename T>
Hdf5Dataset Hdf5File::dataset(const std::string& name) const {
  const LibraryLock lock;
  const std::string where = path_ + " dataset " + name;
  const hid_t id = H5Dopen2(id_.get(), name.c_str(), H5P_DEFAULT);
  check(id >= 0, Access::read, "missing HDF5 dataset", where);
  Hdf5Dataset dataset(id, where);
  const Type type(H5Dget_type(id));
  check(type && H5Tequal(type.get(), disk_type<T>()) > 0, Access::read,
        "an HDF5 dataset has elements of another type", where);
  return dataset;
}

void Hdf5File::close() {
  const LibraryLock lock;
  check(H5Fclose(id_.release()) >= 0, Access::write, "cannot finish an HDF5 file", path_);
}

template void Hdf5Dataset::write(uint64_t, std::span<const uint8_t>);
template void Hdf5Dataset::write(uint64_t, std::span<const uint32_t>);
template void Hdf5Dataset::write(uint64_t, std::span<const float>);
template void Hdf5Dataset::read(uint64_t, std::span<uint8_t>) const;
template void Hdf5Dataset::read(uint64_t, std::span<uint32_t>) const;
template void Hdf5Dataset::read(uint64_t, std::span<float>) const;
template Hdf5Dataset Hdf5File::create_dataset<uint8_t>(const std::string&,
                                                       const std::vector<uint64_t>&, uint64_t);
template Hdf5Dataset Hdf5File::create_dataset<uint32_t>(const std::string&,
                                                        const std::vector<uint64_t>&, uint64_t);
template Hdf5Dataset Hdf5File::create_dataset<float>(const std::string&,
                                                     const std::vector<uint64_t>&, uint64_t);
template Hdf5Dataset Hdf5File::dataset<uint8_t>(const std::string&) const;
template Hdf5Dataset Hdf5File::dataset<uint32_t>(const std::string&) const;
template Hdf5Dataset Hdf5File::dataset<float>(const std::string&) const;

}  // namespace podium::io
