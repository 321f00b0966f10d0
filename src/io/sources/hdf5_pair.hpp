// Hdf5Pair: the datasets images [N,H,W] or [N,H,W,C] and labels [N] of one part, checked against
// each other and read as uint8; or images alone. Used by one thread; memory stays at one batch.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/files/guarded_hdf5.hpp"
#include "io/image/image_shape.hpp"

namespace podium::io {

// What an HDF5 source looks like, for messages.
inline constexpr const char* hdf5_schema =
    "an HDF5 source has images (uint8, or floats within [0,1], [N,H,W] or [N,H,W,C]) and labels "
    "(integers, [N]) at its root, or in groups train and test";

// Where the two datasets are.
struct Hdf5Place {
  std::filesystem::path file;
  std::string images;
  std::string labels;  // empty: there are none
};

class Hdf5Pair {
 public:
  // Throws data_error when a dataset is missing, of another type or shape, when an image exceeds
  // 16 MiB, or when the counts differ.
  explicit Hdf5Pair(const Hdf5Place& place);

  uint64_t records() const { return images_.rows(); }
  ImageShape shape() const;
  const GuardedHdf5File& file() const { return file_; }
  const std::string& images_where() const { return images_.where(); }

  // Fills `images` ([labels.size(),H,W,C]) and `labels` with consecutive records from `first` on;
  // floats become round(255 x), labels that are not there 0. REQUIRES: the records exist. Throws
  // data_error naming the record for a label that is none of `classes` and for a float that is not
  // within [0,1].
  void read(uint64_t first, std::span<uint8_t> images, std::span<uint8_t> labels, uint64_t classes);

  // The labels alone. REQUIRES: there are labels.
  void read_labels(uint64_t first, std::span<int64_t> labels, uint64_t classes) const;

 private:
  void check_images() const;
  void check_labels() const;
  void read_floats(uint64_t first, std::span<uint8_t> images);
  [[noreturn]] void throw_pixel(double value, uint64_t record) const;

  GuardedHdf5File file_;
  GuardedDataset images_;
  std::optional<GuardedDataset> labels_;
  std::vector<double> floats_;
};

}  // namespace podium::io
