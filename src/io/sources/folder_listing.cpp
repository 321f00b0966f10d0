#include "io/sources/folder_listing.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>

#include "core/error.hpp"

namespace podium::io {
namespace {

namespace fs = std::filesystem;

// Calls visit(name, type) for what is in `folder`.
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

}  // namespace

bool is_image_name(const std::string& name) {
  std::string suffix = fs::path(name).extension().string();
  for (char& c : suffix) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return suffix == ".png" || suffix == ".jpg" || suffix == ".jpeg";
}

std::vector<std::string> list_folders(const fs::path& folder) {
  std::vector<std::string> names;
  for_each_entry(folder, [&](std::string name, fs::file_type type) {
    if (type == fs::file_type::directory) names.push_back(std::move(name));
  });
  std::ranges::sort(names);
  return names;
}

std::vector<std::string> list_image_files(const fs::path& folder) {
  std::vector<std::string> names;
  for_each_entry(folder, [&](std::string name, fs::file_type type) {
    if (!is_image_name(name)) return;
    if (type != fs::file_type::regular) {
      throw data_error("an image that is no file", (folder / name).string(),
                       "replace or remove it");
    }
    names.push_back(std::move(name));
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

}  // namespace podium::io
