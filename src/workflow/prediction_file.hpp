// PredictionFile: classified images as a CSV or HDF5 file (docs/formats.md), in any order in, in
// the order of the records out.
//
// Whoever classifies encodes a block of records into bytes; one writer takes the blocks as they
// come. The file appears whole or not at all. Memory does not grow with the number of records, but
// for a few bytes a block. encode() is thread-safe; a writer belongs to one thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "io/input/image_input.hpp"
#include "workflow/classifier.hpp"

namespace podium::workflow {

// A run of classified records. [n,classes] and [n]; logits and labels may be empty.
struct Predictions {
  uint64_t first = 0;  // record
  std::vector<float> probabilities;
  std::vector<float> logits;
  std::vector<uint32_t> predicted;  // classes
  std::vector<uint32_t> labels;     // true classes

  size_t count() const { return predicted.size(); }
};

enum class PredictionFormat { none, csv, hdf5 };

// By the suffix of `path`: .csv, .h5 or .hdf5; none for an empty path. Throws usage_error.
PredictionFormat prediction_format(const std::filesystem::path& path);

// Whether predictions may take the place of the file at `path`: for HDF5, which models, caches and
// data sets are as well, only where it holds predictions.
bool may_replace(const std::filesystem::path& path);
bool holds_hdf5_predictions(const std::filesystem::path& path);

// What the predictions are about. Both must outlive those who use it.
struct PredictionSubject {
  const io::ImageInput& input;
  const Classifier::About& model;
  bool labelled = false;  // true classes of the model are known
};

// A block as the bytes that write() takes.
std::string encode(PredictionFormat format, const PredictionSubject& subject,
                   const Predictions& block);

class PredictionFile {
 public:
  virtual ~PredictionFile() = default;

  // Takes `count` encoded records from `first` on; each record once. Throws io_error.
  virtual void write(uint64_t first, size_t count, std::string_view encoded) = 0;

  // Publishes the file. REQUIRES: all records were written. Throws io_error.
  virtual void finish() = 0;
};

// Throws io_error, also when there is no space for an HDF5 file. REQUIRES: a format other than
// none.
std::unique_ptr<PredictionFile> create_prediction_file(const std::filesystem::path& path,
                                                       const PredictionSubject& subject);

// The two kinds, in files of their own.
std::string encode_csv(const PredictionSubject& subject, const Predictions& block);
std::string encode_hdf5(const Predictions& block);
std::unique_ptr<PredictionFile> create_csv(const std::filesystem::path& path,
                                           const PredictionSubject& subject);
std::unique_ptr<PredictionFile> create_hdf5(const std::filesystem::path& path,
                                            const PredictionSubject& subject);

}  // namespace podium::workflow
