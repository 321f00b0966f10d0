#include "io/files/foreign_hdf5.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <type_traits>

#include "core/error.hpp"
#include "io/files/hdf5_library.hpp"

namespace podium::io {

using namespace hdf5;

namespace {

constexpr std::array<char, 8> signature{'\x89', 'H', 'D', 'F', '\r', '\n', '\x1a', '\n'};
constexpr uint64_t first_user_block = 512;
constexpr uint64_t text_bytes_limit = uint64_t{1} << 20;
constexpr size_t rank_limit = 4;
constexpr uint64_t side_limit = uint64_t{1} << 32;
constexpr uint64_t elements_limit = uint64_t{1} << 56;
// No filter makes data smaller than this: a file that claims it is not what it says.
constexpr uint64_t compression_limit = uint64_t{1} << 14;
// The library finds a cached chunk by a hash and drops one of two that meet in a slot.
constexpr uint64_t slots_per_chunk = 10;
constexpr uint64_t slots_limit = uint64_t{1} << 20;
constexpr uint64_t least_cache_bytes = uint64_t{1} << 20;
constexpr const char* make_again = "the file is damaged or of another kind; make it again";

[[noreturn]] void refuse(const std::string& what, const std::string& where, const char* remedy) {
  throw data_error(what, where, remedy);
}

using Object = ForeignHdf5File::Object;
using Elements = ForeignDataset::Elements;
using AnyObject = Handle<IdTraits<H5Oclose>>;

Object object_at(hid_t file, const std::string& name, const std::string& where) {
  const AnyObject object(H5Oopen(file, name.c_str(), H5P_DEFAULT));
  check(static_cast<bool>(object), Access::read, "cannot open an HDF5 object", where);
  const H5I_type_t type = H5Iget_type(object.get());
  if (type == H5I_GROUP) return Object::group;
  return type == H5I_DATASET ? Object::dataset : Object::other;
}

// What the elements are; empty when they are no standard numbers.
std::optional<Elements> elements_of(hid_t type) {
  const std::array<hid_t, 2> bytes{H5T_STD_U8LE, H5T_STD_U8BE};
  const std::array<hid_t, 14> integers{H5T_STD_I8LE,  H5T_STD_I8BE,  H5T_STD_I16LE, H5T_STD_I16BE,
                                       H5T_STD_U16LE, H5T_STD_U16BE, H5T_STD_I32LE, H5T_STD_I32BE,
                                       H5T_STD_U32LE, H5T_STD_U32BE, H5T_STD_I64LE, H5T_STD_I64BE,
                                       H5T_STD_U64LE, H5T_STD_U64BE};
  const std::array<hid_t, 4> floats{H5T_IEEE_F32LE, H5T_IEEE_F32BE, H5T_IEEE_F64LE, H5T_IEEE_F64BE};
  const auto equals = [&](hid_t standard) { return H5Tequal(type, standard) > 0; };
  if (std::ranges::any_of(bytes, equals)) return Elements::uint8;
  if (std::ranges::any_of(integers, equals)) return Elements::integer;
  if (std::ranges::any_of(floats, equals)) return Elements::real;
  return {};
}

// Throws unless shape and sizes are such that products of them cannot overflow.
void check_shape(const std::vector<uint64_t>& shape, const std::string& where) {
  uint64_t elements = 1;
  for (const uint64_t size : shape) {
    if (size == 0 || size >= side_limit || elements > elements_limit / size) elements = 0;
    elements *= size;
  }
  if (shape.empty() || shape.size() > rank_limit || elements == 0) {
    refuse("an HDF5 dataset has not 1 to 4 dimensions, or an impossible size", where, make_again);
  }
}

void check_filters(hid_t creation, const std::string& where) {
  const std::array<H5Z_filter_t, 4> known{H5Z_FILTER_DEFLATE, H5Z_FILTER_SHUFFLE,
                                          H5Z_FILTER_FLETCHER32, H5Z_FILTER_SZIP};
  const int count = H5Pget_nfilters(creation);
  check(count >= 0, Access::read, "cannot read the filters of an HDF5 dataset", where);
  for (unsigned i = 0; i < static_cast<unsigned>(count); ++i) {
    unsigned flags = 0;
    unsigned config = 0;
    size_t values = 0;
    const H5Z_filter_t filter =
        H5Pget_filter2(creation, i, &flags, &values, nullptr, 0, nullptr, &config);
    if (std::ranges::find(known, filter) == known.end()) {
      refuse("an HDF5 dataset is compressed by filter " + std::to_string(filter) +
                 ", which is not read",
             where, "write it with gzip compression or with none");
    }
  }
}

// What a dataset says it holds; check_shape() has seen it.
struct Extent {
  const std::vector<uint64_t>& shape;
  uint64_t element_bytes;
  uint64_t row_elements;

  uint64_t bytes() const { return shape.front() * row_elements * element_bytes; }
};

// Contiguous data must lie within the file.
void check_contiguous(hid_t dataset, uint64_t bytes, uint64_t file_bytes,
                      const std::string& where) {
  const haddr_t offset = H5Dget_offset(dataset);
  if (offset == HADDR_UNDEF || bytes > file_bytes || offset > file_bytes - bytes) {
    refuse("the data of an HDF5 dataset are missing or cut off: " + std::to_string(bytes) +
               " bytes of a file of " + std::to_string(file_bytes),
           where, make_again);
  }
}

// The chunks that rows of one chunk's height lie in.
struct ChunkBand {
  uint64_t bytes = 0;
  uint64_t chunks = 0;
};

ChunkBand check_chunks(hid_t creation, const Extent& extent, const std::string& where) {
  const std::vector<uint64_t>& shape = extent.shape;
  std::vector<hsize_t> chunk(shape.size());
  const int rank = H5Pget_chunk(creation, static_cast<int>(chunk.size()), chunk.data());
  bool ok = rank == static_cast<int>(shape.size());
  ChunkBand band{extent.element_bytes, 1};
  for (size_t axis = 0; ok && axis < shape.size(); ++axis) {
    ok = chunk[axis] > 0 && chunk[axis] < side_limit;
    if (!ok) break;
    const uint64_t across = axis == 0 ? 1 : (shape[axis] + chunk[axis] - 1) / chunk[axis];
    band.chunks *= across;
    const uint64_t covered = across * chunk[axis];
    if (covered > ForeignDataset::chunk_bytes_limit / band.bytes) {
      refuse("the chunks of one image of an HDF5 dataset take more than 256 MiB", where,
             "write it in smaller chunks");
    }
    band.bytes *= covered;
  }
  check(ok, Access::read, "an HDF5 dataset has impossible chunks", where);
  return band;
}

// Throws unless the data are in the file and may be read; returns the chunks, if there are any.
std::optional<ChunkBand> check_storage(hid_t dataset, const Extent& extent, uint64_t file_bytes,
                                       const std::string& where) {
  const Properties creation(H5Dget_create_plist(dataset));
  check(static_cast<bool>(creation), Access::read, "cannot read how an HDF5 dataset is stored",
        where);
  check_filters(creation.get(), where);
  const H5D_layout_t layout = H5Pget_layout(creation.get());
  if (H5Pget_external_count(creation.get()) != 0 || layout == H5D_VIRTUAL) {
    refuse("the data of an HDF5 dataset lie in other files", where, "copy them into this one");
  }
  const uint64_t stored = H5Dget_storage_size(dataset);
  if (stored == 0 || extent.bytes() / compression_limit > stored) {
    refuse("an HDF5 dataset stores less than its shape asks for", where, make_again);
  }
  if (layout == H5D_CHUNKED) return check_chunks(creation.get(), extent, where);
  if (layout == H5D_CONTIGUOUS) check_contiguous(dataset, extent.bytes(), file_bytes, where);
  return {};
}

// The library's default cache of 1 MiB would unpack the same chunks again for every batch.
Properties cache_for(const ChunkBand& band, const std::string& where) {
  Properties access(H5Pcreate(H5P_DATASET_ACCESS));
  const uint64_t slots = std::min(slots_limit, band.chunks * slots_per_chunk + 1);
  constexpr double fully_read_first = 1.0;  // are the chunks that make room
  check(access && H5Pset_chunk_cache(access.get(), slots, std::max(band.bytes, least_cache_bytes),
                                     fully_read_first) >= 0,
        Access::read, "cannot set the chunk cache of an HDF5 dataset", where);
  return access;
}

template <typename T>
hid_t memory_type() {
  if constexpr (std::is_same_v<T, uint8_t>) return H5T_NATIVE_UINT8;
  if constexpr (std::is_same_v<T, int64_t>) return H5T_NATIVE_INT64;
  if constexpr (std::is_same_v<T, double>) return H5T_NATIVE_DOUBLE;
}

// The text of a scalar attribute of variable length.
std::string read_variable_text(hid_t attribute, hid_t type, const std::string& where) {
  char* text = nullptr;
  check(H5Aread(attribute, type, static_cast<void*>(&text)) >= 0, Access::read,
        "cannot read an HDF5 attribute", where);
  const std::string copy = text == nullptr ? "" : text;
  H5free_memory(text);
  return copy;
}

}  // namespace

bool is_hdf5_file(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return false;
  const uint64_t bytes = std::filesystem::file_size(path, ignored);
  if (ignored) return false;
  std::ifstream file(path, std::ios::binary);
  for (uint64_t at = 0; file && at + signature.size() <= bytes;
       at = at == 0 ? first_user_block : 2 * at) {
    std::array<char, signature.size()> found{};
    file.seekg(static_cast<std::streamoff>(at));
    if (file.read(found.data(), found.size()) && found == signature) return true;
  }
  return false;
}

uint64_t ForeignDataset::row_elements() const {
  uint64_t elements = 1;
  for (size_t axis = 1; axis < shape_.size(); ++axis) elements *= shape_[axis];
  return elements;
}

template <typename T>
void ForeignDataset::read(uint64_t first, std::span<T> values) const {
  if (values.empty()) return;
  const LibraryLock lock;
  const uint64_t count = values.size() / row_elements();
  require(count * row_elements() == values.size() && first + count <= rows(),
          "an HDF5 read takes whole rows of its dataset", where_.c_str());
  const Selection selected = select_rows(id_.get(), shape_, first, count, Access::read, where_);
  check(H5Dread(id_.get(), memory_type<T>(), selected.memory.get(), selected.file.get(),
                H5P_DEFAULT, values.data()) >= 0,
        Access::read, "cannot read an HDF5 dataset", where_);
}

ForeignHdf5File::ForeignHdf5File(const std::filesystem::path& path) : path_(path.string()) {
  const LibraryLock lock;
  if (!is_hdf5_file(path)) refuse("not an HDF5 file", path_, "check the path");
  std::error_code error;
  file_bytes_ = std::filesystem::file_size(path, error);
  if (error) throw io_error("cannot stat", path_, error.value());
  const Properties access(H5Pcreate(H5P_FILE_ACCESS));
  check(access && H5Pset_file_locking(access.get(), false, true) >= 0, Access::read,
        "cannot set HDF5 file access", path_);
  id_.reset(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.get()));
  check(static_cast<bool>(id_), Access::read, "cannot open an HDF5 file", path_);
}

Object ForeignHdf5File::find(const std::string& name) const {
  const LibraryLock lock;
  const std::string where = path_ + " object " + name;
  for (size_t end = name.find('/');; end = name.find('/', end + 1)) {
    const std::string prefix = name.substr(0, end);
    const htri_t exists = H5Lexists(id_.get(), prefix.c_str(), H5P_DEFAULT);
    check(exists >= 0, Access::read, "cannot look up an HDF5 object", where);
    if (exists == 0) return Object::none;
    H5L_info_t link{};
    check(H5Lget_info(id_.get(), prefix.c_str(), &link, H5P_DEFAULT) >= 0, Access::read,
          "cannot look up an HDF5 object", where);
    if (link.type != H5L_TYPE_HARD) return Object::other;
    const Object object = object_at(id_.get(), prefix, where);
    if (end == std::string::npos) return object;
    if (object != Object::group) return Object::none;
  }
}

ForeignDataset ForeignHdf5File::dataset(const std::string& name) const {
  const LibraryLock lock;
  ForeignDataset dataset;
  dataset.where_ = path_ + " dataset " + name;
  const std::string& where = dataset.where_;
  const Object object = find(name);
  if (object == Object::none) refuse("missing HDF5 dataset", where, "add it");
  if (object != Object::dataset) refuse("no HDF5 dataset but something else", where, "replace it");

  dataset.id_.reset(H5Dopen2(id_.get(), name.c_str(), H5P_DEFAULT));
  check(static_cast<bool>(dataset.id_), Access::read, "cannot open an HDF5 dataset", where);
  const hid_t id = dataset.id_.get();
  const Type type(H5Dget_type(id));
  const std::optional<Elements> elements = type ? elements_of(type.get()) : std::nullopt;
  if (!elements) {
    refuse("an HDF5 dataset has elements that are neither integers nor float32 or float64", where,
           "write them as one of these");
  }
  dataset.elements_ = *elements;
  dataset.shape_ = shape_of(id, where);
  check_shape(dataset.shape_, where);

  const std::optional<ChunkBand> band = check_storage(
      id, {dataset.shape_, H5Tget_size(type.get()), dataset.row_elements()}, file_bytes_, where);
  if (band) {
    dataset.id_.reset();  // the cache's size counts only for the first that opens a dataset
    const Properties access = cache_for(*band, where);
    dataset.id_.reset(H5Dopen2(id_.get(), name.c_str(), access.get()));
    check(static_cast<bool>(dataset.id_), Access::read, "cannot open an HDF5 dataset", where);
  }
  return dataset;
}

std::optional<std::string> ForeignHdf5File::text_attribute(const std::string& name) const {
  const LibraryLock lock;
  const std::string where = path_ + " attribute " + name;
  const htri_t exists = H5Aexists(id_.get(), name.c_str());
  check(exists >= 0, Access::read, "cannot look up an HDF5 attribute", where);
  if (exists == 0) return {};
  const Attribute attribute(H5Aopen(id_.get(), name.c_str(), H5P_DEFAULT));
  check(static_cast<bool>(attribute), Access::read, "cannot open an HDF5 attribute", where);
  const Type type(H5Aget_type(attribute.get()));
  const Space space(H5Aget_space(attribute.get()));
  const bool is_text = type && space && H5Tget_class(type.get()) == H5T_STRING &&
                       H5Sget_simple_extent_type(space.get()) != H5S_NULL &&
                       H5Sget_simple_extent_npoints(space.get()) == 1;
  if (!is_text) refuse("an HDF5 attribute is not one text", where, "write it as one text");
  const bool is_variable = H5Tis_variable_str(type.get()) > 0;
  const size_t bytes = H5Tget_size(type.get());
  if (!is_variable && bytes > text_bytes_limit) refuse("too long a text", where, make_again);
  if (is_variable) return read_variable_text(attribute.get(), type.get(), where);
  std::string text(bytes, '\0');
  check(H5Aread(attribute.get(), type.get(), text.data()) >= 0, Access::read,
        "cannot read an HDF5 attribute", where);
  return text.substr(0, text.find('\0'));
}

template void ForeignDataset::read(uint64_t, std::span<uint8_t>) const;
template void ForeignDataset::read(uint64_t, std::span<int64_t>) const;
template void ForeignDataset::read(uint64_t, std::span<double>) const;

}  // namespace podium::io
