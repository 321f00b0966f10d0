// ImageList: which images a folder with one folder per class holds, and in which order.
//
//   ROOT/CLASS/*.{png,jpg,jpeg}          one part; or
//   ROOT/train/CLASS/*, ROOT/test/CLASS/*    two, where test may be called val, valid, validation
//
// Names beginning with a dot and other files are passed over. Records are ordered by XXH3 of
// CLASS/FILE, then by that text: classes mix, and the order is the same on every machine. Listing
// reads names only and takes about 100 bytes an image.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace podium::io {

struct ImageEntry {
  uint64_t hash = 0;  // of CLASS/FILE
  std::string file;   // within the folder of its class
  uint8_t label = 0;
};

struct ImagePart {
  std::filesystem::path folder;  // of the class folders
  std::vector<ImageEntry> images;
};

struct ImageList {
  std::vector<std::string> classes;  // sorted
  ImagePart train;
  std::optional<ImagePart> test;

  // "CLASS/FILE"
  std::string relative(const ImageEntry& image) const;
};

// Empty when no folder in `root` holds an image. Throws data_error naming the folder when a class
// is empty, classes of the parts differ, or there are not 2 to 256; io_error, for broken links,
// too.
std::optional<ImageList> list_images(const std::filesystem::path& root);

}  // namespace podium::io
