#include "io/sources/hdf5_pair.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "io/sources/labels.hpp"

namespace podium::io {
namespace {

using Elements = GuardedDataset::Elements;

constexpr uint64_t records_limit = uint64_t{1} << 32;
constexpr uint64_t image_bytes_limit = uint64_t{1} << 24;
constexpr uint64_t scratch_bytes = uint64_t{8} << 20;  // or one image, if that is larger
constexpr double white = 255.0;

[[noreturn]] void throw_schema(const std::string& what, const GuardedDataset& dataset) {
  throw data_error(what, dataset.where(), hdf5_schema);
}

// For messages: "uint8 [100,28,28]".
std::string description(const GuardedDataset& dataset) {
  std::string text = dataset.elements() == Elements::uint8     ? "uint8 ["
                     : dataset.elements() == Elements::integer ? "other integers ["
                                                               : "floats [";
  for (const uint64_t size : dataset.shape()) {
    text += (text.back() == '[' ? "" : ",") + std::to_string(size);
  }
  return text + "]";
}

}  // namespace

Hdf5Pair::Hdf5Pair(const Hdf5Place& place)
    : file_(place.file), images_(file_.dataset(place.images)) {
  if (!place.labels.empty()) labels_ = file_.dataset(place.labels);
  check_images();
  if (labels_) check_labels();
}

void Hdf5Pair::check_images() const {
  const size_t rank = images_.shape().size();
  if (rank != 3 && rank != 4) {
    throw_schema("images are [N,H,W] or [N,H,W,C]; these are " + description(images_), images_);
  }
  if (images_.elements() == Elements::integer) {
    throw_schema("images are uint8 or floats within [0,1]; these are " + description(images_),
                 images_);
  }
  if (images_.row_elements() > image_bytes_limit || images_.rows() >= records_limit) {
    throw_schema("an image has up to 16 MiB and a set up to 2^32 - 1 of them; these are " +
                     description(images_),
                 images_);
  }
}

void Hdf5Pair::check_labels() const {
  if (labels_->elements() == Elements::real || labels_->shape().size() != 1) {
    throw_schema("labels are integers [N]; these are " + description(*labels_), *labels_);
  }
  if (labels_->rows() != images_.rows()) {
    throw_schema("as many labels as images are needed: " + std::to_string(images_.rows()) +
                     " images but " + std::to_string(labels_->rows()) + " labels",
                 *labels_);
  }
}

ImageShape Hdf5Pair::shape() const {
  const std::vector<uint64_t>& size = images_.shape();
  return {size[1], size[2], size.size() == 4 ? size[3] : 1};
}

void Hdf5Pair::read(uint64_t first, std::span<uint8_t> images, std::span<uint8_t> labels,
                    uint64_t classes) {
  if (images_.elements() == Elements::uint8) {
    images_.read(first, images);
  } else {
    read_floats(first, images);
  }
  std::fill(labels.begin(), labels.end(), uint8_t{0});
  if (!labels_) return;
  std::vector<int64_t> numbers(labels.size());
  read_labels(first, numbers, classes);
  std::transform(numbers.begin(), numbers.end(), labels.begin(),
                 [](int64_t label) { return static_cast<uint8_t>(label); });
}

void Hdf5Pair::read_labels(uint64_t first, std::span<int64_t> labels, uint64_t classes) const {
  labels_->read(first, labels);
  for (size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] >= 0 && labels[i] < static_cast<int64_t>(classes)) continue;
    throw label_error(labels[i], classes,
                      labels_->where() + " record " + std::to_string(first + i));
  }
}

void Hdf5Pair::read_floats(uint64_t first, std::span<uint8_t> images) {
  const uint64_t elements = images_.row_elements();
  const uint64_t total = images.size() / elements;
  const uint64_t batch = std::max<uint64_t>(1, scratch_bytes / (elements * sizeof(double)));
  for (uint64_t done = 0; done < total; done += batch) {
    floats_.resize(std::min(batch, total - done) * elements);
    images_.read(first + done, std::span(floats_));
    const auto out = images.subspan(done * elements, floats_.size());
    for (size_t i = 0; i < out.size(); ++i) {
      // Written so that NaN fails it, too.
      if (!(floats_[i] >= 0.0 && floats_[i] <= 1.0)) {
        throw_pixel(floats_[i], first + done + i / elements);
      }
      out[i] = static_cast<uint8_t>(floats_[i] * white + 0.5);
    }
  }
}

void Hdf5Pair::throw_pixel(double value, uint64_t record) const {
  throw data_error("pixel " + std::to_string(value) + " is not within [0,1]",
                   images_.where() + " record " + std::to_string(record),
                   "scale the images, or write them as uint8");
}

}  // namespace podium::io
