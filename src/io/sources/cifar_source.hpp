// CifarSource: a folder with the binary version of CIFAR-10 or CIFAR-100, or data of that form.
//
// https://www.cs.toronto.edu/~kriz/cifar.html: a record is its label and 3072 bytes of pixels,
// [3,32,32] by channel; ours are [32,32,3]. CIFAR-10 has data_batch_1.bin, data_batch_2.bin, ...
// and test_batch.bin, with one byte of label; CIFAR-100 has train.bin and test.bin, with a coarse
// label, which is skipped, before the fine one. Each file may be gzip, told by content.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/sources/source.hpp"

namespace podium::io {

struct CifarFiles {
  std::vector<std::filesystem::path> train;  // in the order of their records
  std::filesystem::path test;
  std::filesystem::path names;  // one class name a line; empty: there is no such file
  size_t label_bytes = 1;       // before the pixels of a record; the last of them is the class
  size_t classes = 10;          // where no file names them
};

// Finds the files in `folder`, or one level down in cifar-10-batches-bin/ or cifar-100-binary/.
// Empty when there are none. Throws data_error when some are there but one is missing.
std::optional<CifarFiles> find_cifar_files(const std::filesystem::path& folder);

// Opens the files under the cache name `name`. Without `class_names` the classes are those of
// files.names. Counts records: plain files by their size, gzip files by reading them. The digest
// covers the bytes of all files. Throws data_error, io_error.
std::unique_ptr<Source> open_cifar_source(const CifarFiles& files, std::string name,
                                          std::string text, std::string location,
                                          std::vector<std::string> class_names);

}  // namespace podium::io
