// The data sets that Podium knows by name: where they are found, and how they are recognised.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "io/sources/source.hpp"

namespace podium::io {

struct PublishedFile {
  std::string name;
  std::string sha256;  // empty: not verified
};

// What the files of a set are: the four IDX files themselves, or one archive of CIFAR files.
enum class SetForm { idx, cifar10_archive, cifar100_archive };

struct NamedSet {
  std::string name;
  SetForm form = SetForm::idx;
  std::vector<std::string> class_names;        // empty: the set's own files name them
  std::vector<std::filesystem::path> folders;  // where systems install it
  std::vector<std::string> mirrors;            // URLs or local folders that have the files
  std::vector<PublishedFile> files;
  std::string remedy;  // how else a user gets it
};

// All of them.
const std::vector<NamedSet>& named_sets();

// "fashion_mnist, mnist, ...", for messages.
std::string named_set_names();

// Opens `set` from the first place that has it: the data folders, the download folder, a mirror. A
// data folder may also hold the published files still packed. Throws what fetch() and unpack()
// throw, and what reading the files throws.
std::unique_ptr<Source> open_named_set(const NamedSet& set, const SourceOptions& options);

}  // namespace podium::io
