// ImageFolderSource: PNG and JPEG files in one folder per class (image_list.hpp).
//
// The images may differ in size; the transform must make them equal. Their shape is that of the
// first one after it. Without a test part one record in ten is held out (held_out.hpp). Opening
// decodes that first image only; reading keeps one decoded image in memory.
#pragma once

#include <memory>
#include <string>

#include "io/sources/image_list.hpp"
#include "io/sources/source.hpp"

namespace podium::io {

// Opens the images under the cache name `name`, with options.transform applied. The digest covers
// their paths below the parts' folders and their content. Throws data_error naming the file,
// io_error; usage_error when the transform cannot take the first image.
std::unique_ptr<Source> open_image_folder_source(ImageList list, std::string name, std::string text,
                                                 std::string location,
                                                 const SourceOptions& options);

}  // namespace podium::io
