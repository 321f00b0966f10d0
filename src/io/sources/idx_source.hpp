// IdxSource: a folder with the four IDX files of MNIST and its kin.
#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/sources/source.hpp"

namespace podium::io {

// The files of one folder: images and labels of train, images and labels of test.
struct IdxFiles {
  std::filesystem::path train_images;
  std::filesystem::path train_labels;
  std::filesystem::path test_images;
  std::filesystem::path test_labels;

  const std::filesystem::path& images(Part part) const {
    return part == Part::train ? train_images : test_images;
  }
  const std::filesystem::path& labels(Part part) const {
    return part == Part::train ? train_labels : test_labels;
  }
};

// The names of the four files as published, without ".gz": train-images-idx3-ubyte, ...
inline constexpr std::array<const char*, 4> idx_file_names{
    "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte"};

// Finds the four files in `folder`, gz or plain, with the usual variations of their names. Empty
// when one is missing.
std::optional<IdxFiles> find_idx_files(const std::filesystem::path& folder);

// Of a folder that has some of the four files: the name of the first that is missing.
std::optional<std::string> missing_idx_file(const std::filesystem::path& folder);

// Opens the files under the cache name `name`. Without `class_names` the classes are 0 to the
// largest train label. The digest covers the bytes of all four files. Throws data_error.
std::unique_ptr<Source> open_idx_source(const IdxFiles& files, std::string name, std::string text,
                                        std::string location, std::vector<std::string> class_names);

}  // namespace podium::io
