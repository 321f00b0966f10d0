#include "io/input/image_input.hpp"

#include <algorithm>
#include <array>
#include <fstream>

#include "core/error.hpp"
#include "io/cache/manifest.hpp"
#include "io/files/guarded_hdf5.hpp"
#include "io/sources/cifar_source.hpp"
#include "io/sources/folder_listing.hpp"
#include "io/sources/hdf5_source.hpp"
#include "io/sources/idx_source.hpp"
#include "io/sources/image_file.hpp"
#include "io/sources/named_set.hpp"
#include "io/sources/synthetic.hpp"

namespace podium::io {
namespace {

namespace fs = std::filesystem;

constexpr const char* key = "--predict.input";
constexpr const char* understood =
    "give a PNG or JPEG file, a folder of them, an IDX or HDF5 file of images, a cache, or a "
    "source";

bool names_a_source(const std::string& text) {
  return text.starts_with(synthetic_prefix) || text.starts_with("http://") ||
         text.starts_with("https://") ||
         std::ranges::count(named_sets(), text, &NamedSet::name) > 0;
}

// The first bytes of a file, as many as there are.
std::string first_bytes(const fs::path& path) {
  std::string bytes(8, '\0');
  std::ifstream file(path, std::ios::binary);
  if (!file) throw io_error("cannot open the input", path.string(), errno);
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<size_t>(std::max<std::streamsize>(0, file.gcount())));
  return bytes;
}

bool is_idx_or_gzip(const std::string& head) {
  return head.starts_with(std::string("\0\0\x08", 3)) || head.starts_with("\x1f\x8b");
}

bool has_root_images(const fs::path& path) {
  return GuardedHdf5File(path).find("images") != GuardedHdf5File::Object::none;
}

// What a file is, is told by its content.
std::unique_ptr<ImageInput> open_file(const fs::path& path, const InputOptions& options) {
  if (is_hdf5_file(path)) {
    return has_root_images(path) ? open_hdf5(path, options)
                                 : open_test_part(path.string(), options);
  }
  const std::string head = first_bytes(path);
  if (is_image(std::as_bytes(std::span(head))) || is_image_name(path.filename().string())) {
    return open_files(path, options);
  }
  if (is_idx_or_gzip(head)) return open_idx(path, options);
  throw data_error("neither PNG, JPEG, IDX nor HDF5", path.string(), understood);
}

// Whether a data set lies there whose parts are told apart: then its test part is meant.
bool is_source_folder(const fs::path& folder) {
  if (find_idx_files(folder) || find_cifar_files(folder) || find_hdf5_files(folder)) return true;
  const std::vector<std::string> folders = list_folders(folder);
  return std::ranges::binary_search(folders, "train") && !has_images(folder);
}

std::unique_ptr<ImageInput> open_folder(const fs::path& folder, const InputOptions& options) {
  std::error_code ignored;
  if (fs::exists(folder / manifest_file, ignored)) {
    const auto dataset =
        std::make_shared<const Dataset>(Dataset::open(folder, {.memory_bytes = 0}));
    return split_of(dataset, options.split, options.text, options.fit.for_processed());
  }
  if (is_source_folder(folder)) return open_test_part(folder.string(), options);
  if (auto files = open_files(folder, options)) return files;
  throw data_error("no images in this folder", folder.string(), understood);
}

std::unique_ptr<ImageInput> open_path(const fs::path& path, const InputOptions& options) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::status_known(status)) {
    throw io_error("cannot look at the input", path.string(), error.value());
  }
  if (!fs::exists(status)) {
    throw data_error("no such file or folder", path.string(), std::string("check ") + key);
  }
  if (fs::is_directory(status)) return open_folder(path, options);
  if (!fs::is_regular_file(status)) {
    throw data_error("neither a file nor a folder", path.string(), understood);
  }
  return open_file(path, options);
}

}  // namespace

std::unique_ptr<ImageInput> open_input(const InputOptions& options) {
  constexpr std::string_view file_scheme = "file://";
  std::unique_ptr<ImageInput> input;
  if (names_a_source(options.text)) {
    input = open_test_part(options.text, options);
  } else if (options.text.starts_with(file_scheme)) {
    input = open_path(options.text.substr(file_scheme.size()), options);
  } else {
    input = open_path(options.text, options);
  }
  if (input->info().records == 0) {
    throw data_error("there are no images to classify", options.text, understood);
  }
  if (options.split == Split::test || input->info().split == split_name(options.split)) {
    return input;
  }
  throw usage_error(options.text + " has no " + split_name(options.split) + " split",
                    "--predict.split", "only caches have one");
}

}  // namespace podium::io
