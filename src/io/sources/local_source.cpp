#include "io/sources/local_source.hpp"

#include "core/error.hpp"
#include "io/files/foreign_hdf5.hpp"
#include "io/sources/cifar_source.hpp"
#include "io/sources/hdf5_source.hpp"
#include "io/sources/idx_source.hpp"
#include "io/sources/image_folder_source.hpp"
#include "io/sources/image_list.hpp"
#include "io/sources/transformed_source.hpp"

namespace podium::io {
namespace {

constexpr const char* understood =
    "a data folder holds the four IDX files of train and t10k images and labels; or CIFAR's "
    "data_batch_1.bin, ... and test_batch.bin, or train.bin and test.bin; or train.h5 and test.h5; "
    "or "
    "one folder of PNG or JPEG images per class, perhaps within train and test";

// Names of one source: for the cache, for people, for good.
struct Names {
  std::string name;
  std::string text;
  std::string location;
};

// Without its images transformed; null when the folder holds nothing of fixed image shape.
std::unique_ptr<Source> open_fixed_shape(const std::filesystem::path& folder, const Names& names,
                                         const SourceOptions& options) {
  const Log& log = options.log;
  if (const auto files = find_idx_files(folder)) {
    log.debug(names.location + " holds IDX files");
    return open_idx_source(*files, names.name, names.text, names.location, {});
  }
  if (const auto files = find_cifar_files(folder)) {
    log.debug(names.location + " holds CIFAR files");
    return open_cifar_source(*files, names.name, names.text, names.location, {});
  }
  if (const auto files = find_hdf5_files(folder)) {
    log.debug(names.location + " holds HDF5 files");
    return open_hdf5_source(*files, names.name, names.text, names.location, options);
  }
  return nullptr;
}

std::unique_ptr<Source> open_folder(const std::filesystem::path& folder, const Names& names,
                                    const SourceOptions& options) {
  if (auto source = open_fixed_shape(folder, names, options)) {
    return transformed(std::move(source), options.transform);
  }
  if (const auto missing = missing_idx_file(folder)) {
    throw data_error("no file " + *missing + " or " + *missing + ".gz", folder.string(),
                     understood);
  }
  auto list = list_images(folder);
  if (!list)
    throw data_error("no data of a known kind in this folder", folder.string(), understood);
  options.log.debug(names.location + " holds folders of images");
  return open_image_folder_source(std::move(*list), names.name, names.text, names.location,
                                  options);
}

std::unique_ptr<Source> open_file(const std::filesystem::path& path, const Names& names,
                                  const SourceOptions& options) {
  if (!is_hdf5_file(path)) {
    throw data_error("not an HDF5 file, and other kinds of source are folders", path.string(),
                     "give an HDF5 file, or the folder that holds the data");
  }
  options.log.debug(names.location + " is an HDF5 file");
  return open_hdf5_source({path, {}}, names.name, names.text, names.location, options);
}

}  // namespace

std::unique_ptr<Source> open_local(const std::filesystem::path& path, std::string name,
                                   const SourceOptions& options) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::status_known(status)) {
    throw io_error("cannot look at the source", path.string(), error.value());
  }
  if (!std::filesystem::exists(status)) {
    throw data_error("no such file or folder", path.string(), "check --io.source");
  }
  const std::filesystem::path place = std::filesystem::canonical(path, error);
  if (error) throw io_error("cannot look at the source", path.string(), error.value());
  const Names names{std::move(name), options.source, place.string()};
  if (std::filesystem::is_directory(status)) return open_folder(path, names, options);
  if (!std::filesystem::is_regular_file(status)) {
    throw data_error("neither a file nor a folder", path.string(), "check --io.source");
  }
  return transformed(open_file(path, names, options), options.transform);
}

}  // namespace podium::io
