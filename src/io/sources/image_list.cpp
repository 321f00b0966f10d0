#include "io/sources/image_list.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <tuple>

#include "core/error.hpp"
#include "core/hash.hpp"
#include "io/sources/folder_listing.hpp"
#include "io/sources/labels.hpp"

namespace podium::io {
namespace {

namespace fs = std::filesystem;

constexpr const char* train_folder = "train";
constexpr std::array<const char*, 4> test_folders{"test", "val", "valid", "validation"};

uint64_t hash_of(const std::string& text) {
  return xxh3(std::as_bytes(std::span(text.data(), text.size())));
}

// Adds the images of one class.
void list_class(const fs::path& part, const std::string& class_name, uint64_t label,
                std::vector<ImageEntry>& images) {
  const std::vector<std::string> files = list_image_files(part / class_name);
  if (files.empty()) {
    throw data_error("a class folder without images", (part / class_name).string(),
                     "put PNG or JPEG files into it, or remove it");
  }
  for (const std::string& file : files) {
    const uint64_t hash = hash_of(class_name + "/" + file);
    images.push_back({hash, file, static_cast<uint8_t>(label)});
  }
}

ImagePart list_part(const fs::path& folder, const std::vector<std::string>& names,
                    const std::vector<std::string>& classes) {
  ImagePart part;
  part.folder = folder;
  for (const std::string& name : names) {
    const auto found = std::ranges::lower_bound(classes, name);
    if (found == classes.end() || *found != name) {
      throw data_error("a test class that the train part does not have", (folder / name).string(),
                       "the parts need the same class folders");
    }
    list_class(folder, name, static_cast<uint64_t>(found - classes.begin()), part.images);
  }
  // Labels order as class names do.
  std::ranges::sort(part.images, [](const ImageEntry& a, const ImageEntry& b) {
    return std::tie(a.hash, a.label, a.file) < std::tie(b.hash, b.label, b.file);
  });
  return part;
}

// The folder of the test part, if there is one.
std::optional<fs::path> find_test_folder(const fs::path& root,
                                         const std::vector<std::string>& folders) {
  for (const char* name : test_folders) {
    if (std::ranges::binary_search(folders, name)) return root / name;
  }
  return {};
}

}  // namespace

std::string ImageList::relative(const ImageEntry& image) const {
  return classes[image.label] + "/" + image.file;
}

std::optional<ImageList> list_images(const fs::path& root) {
  const std::vector<std::string> folders = list_folders(root);
  const bool has_parts = std::ranges::binary_search(folders, train_folder);
  const fs::path train = has_parts ? root / train_folder : root;
  ImageList list;
  list.classes = has_parts ? list_folders(train) : folders;
  if (has_parts && list.classes.empty() && has_images(train)) {
    throw data_error("the train part has images but no class folders", train.string(),
                     "put the images of each class into a folder of its own");
  }
  const auto is_used = [&](const std::string& name) { return has_images(train / name); };
  if (std::ranges::none_of(list.classes, is_used)) return {};
  check_class_count(list.classes.size(), train.string());
  list.train = list_part(train, list.classes, list.classes);
  const auto test = has_parts ? find_test_folder(root, folders) : std::nullopt;
  if (test) list.test = list_part(*test, list_folders(*test), list.classes);
  if (list.test && list.test->images.empty()) {
    throw data_error("a test part without class folders", test->string(),
                     "put the images of each class into a folder of its own, or remove it");
  }
  return list;
}

}  // namespace podium::io
