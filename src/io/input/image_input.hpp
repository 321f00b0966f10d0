// ImageInput: images to classify, in an order of their own, all brought to one shape.
//
// An input is one of: a PNG or JPEG file; a folder of them, or with one folder of them per class;
// an IDX file of images, plain or gzip; an HDF5 file with images and perhaps labels; the folder of
// a cache; or any source (sources/source.hpp), of which it is the test part. Opening an input reads
// names, headers and labels, not images. An ImageInput may be shared by threads; a stream of it
// belongs to one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/log.hpp"
#include "io/image/fit.hpp"
#include "io/loader/dataset.hpp"
#include "io/sources/source.hpp"

namespace podium::io {

struct InputInfo {
  std::string text;       // as the user named it
  std::string split;      // of a data set: "test" or "validation"; "all" of what is no data set
  uint64_t records = 0;   // at least one
  bool named = false;     // records are files with names of their own
  bool labelled = false;  // the true classes are known
  std::vector<std::string> class_names;  // that labels index; empty: labels are bare numbers
};

class ImageInput {
 public:
  virtual ~ImageInput() = default;

  const InputInfo& info() const { return info_; }

  // The records from `first` on, in the wanted shape; labels that are not known are 0. The stream
  // must not outlive the input. Throws data_error naming the file, io_error.
  virtual std::unique_ptr<RecordStream> open(uint64_t first) const = 0;

  // What people call a record: its file, as a path below the folder; else its number.
  virtual std::string name(uint64_t record) const { return std::to_string(record); }

 protected:
  explicit ImageInput(InputInfo info) : info_(std::move(info)) {}

 private:
  InputInfo info_;
};

struct InputOptions {
  std::string text;           // --predict.input
  Split split = Split::test;  // of a cache
  Fit fit;                    // to the shape wanted
  uint64_t classes = 0;       // of the model: bare labels are below it
  SourceOptions source;       // where named sets are found; the text is not used
  Log log{};
};

// Throws data_error for what is no input, has no images, is damaged, or whose images do not fit;
// io_error; what open_source() throws.
std::unique_ptr<ImageInput> open_input(const InputOptions& options);

// --- the kinds of input ---

// PNG and JPEG files: `path` alone, or the images in it, or those in its folders, which then are
// their classes. Empty for a folder of nothing like that. (file_input.cpp)
std::unique_ptr<ImageInput> open_files(const std::filesystem::path& path,
                                       const InputOptions& options);

// An IDX file; its labels are known when a file of labels lies beside it under the name that the
// published sets give it. (array_input.cpp)
std::unique_ptr<ImageInput> open_idx(const std::filesystem::path& path,
                                     const InputOptions& options);

// Datasets images and, perhaps, labels at the root of an HDF5 file. (array_input.cpp)
std::unique_ptr<ImageInput> open_hdf5(const std::filesystem::path& path,
                                      const InputOptions& options);

// The test part of a source. (data_set_input.cpp)
std::unique_ptr<ImageInput> open_test_part(const std::string& source, const InputOptions& options);

// A split of a cache; `text` names it. Its images are as they were ingested. (data_set_input.cpp)
std::unique_ptr<ImageInput> split_of(std::shared_ptr<const Dataset> dataset, Split split,
                                     const std::string& text, const Fit& fit);

}  // namespace podium::io
