#include "io/sources/image_list.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <span>
#include <tuple>

#include "core/error.hpp"
#include "core/hash.hpp"
#include "io/sources/labels.hpp"

namespace podium::io {
namespace {

namespace fs = std::filesystem;

constexpr const char* train_folder = "train";
constexpr std::array<const char*, 4> test_folders{"test", "val", "valid", "validation"};

bool is_image_name(const std::string& name) {
  std::string suffix = fs::path(name).extension().string();
  for (char& c : suffix) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return suffix == ".png" || suffix == ".jpg" || suffix == ".jpeg";
}

// Calls visit(name, type) for what is in `folder`, links followed, names with a dot left out.
template <typename Visit>
void for_each_entry(const fs::path& folder, const Visit& visit) {
  std::error_code error;
  fs::directory_iterator entries(folder, error);
  for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
    std::string name = entries->path().filename().string();
    if (name.starts_with('.')) continue;
    std::error_code broken;
    const fs::file_type type = entries->status(broken).type();
    if (type == fs::file_type::not_found || type == fs::file_type::none) {
      throw io_error("cannot follow the link", entries->path().string(),
                     broken ? broken.value() : ENOENT);
    }
    visit(std::move(name), type);
  }
  if (error) throw io_error("cannot list the folder", folder.string(), error.value());
}

std::vector<std::string> list_folders(const fs::path& root) {
  std::vector<std::string> names;
  for_each_entry(root, [&](std::string name, fs::file_type type) {
    if (type == fs::file_type::directory) names.push_back(std::move(name));
  });
  std::ranges::sort(names);
  return names;
}

bool has_images(const fs::path& folder) {
  bool found = false;
  for_each_entry(folder, [&](const std::string& name, fs::file_type) {
    found = found || is_image_name(name);
  });
  return found;
}

uint64_t hash_of(const std::string& text) {
  return xxh3(std::as_bytes(std::span(text.data(), text.size())));
}

// Adds the images of one class.
void list_class(const fs::path& part, const std::string& class_name, uint64_t label,
                std::vector<ImageEntry>& images) {
  const size_t before = images.size();
  for_each_entry(part / class_name, [&](std::string name, fs::file_type type) {
    if (!is_image_name(name)) return;
    if (type != fs::file_type::regular) {
      throw data_error("an image that is no file", (part / class_name / name).string(),
                       "replace or remove it");
    }
    const uint64_t hash = hash_of(class_name + "/" + name);
    images.push_back({hash, std::move(name), static_cast<uint8_t>(label)});
  });
  if (images.size() == before) {
    throw data_error("a class folder without images", (part / class_name).string(),
                     "put PNG or JPEG files into it, or remove it");
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
