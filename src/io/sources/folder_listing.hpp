// What a folder holds: its folders and its images, sorted by name, links followed.
//
// Names beginning with a dot are passed over. An image is told by its suffix here: .png, .jpg or
// .jpeg, in any case. Free functions, thread-safe.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace podium::io {

bool is_image_name(const std::string& name);

// Throws io_error, for broken links, too.
std::vector<std::string> list_folders(const std::filesystem::path& folder);

// Names of the images directly in `folder`. Throws data_error for one that is no regular file,
// io_error.
std::vector<std::string> list_image_files(const std::filesystem::path& folder);

// Whether an image, or what is called like one, is directly in `folder`. Throws io_error.
bool has_images(const std::filesystem::path& folder);

}  // namespace podium::io
