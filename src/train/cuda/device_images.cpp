#include "train/cuda/device_images.hpp"

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "core/cuda_handles.hpp"
#include "core/error.hpp"

namespace podium::train::cuda {
namespace {

constexpr size_t bytes_at_once = size_t{16} << 20;

void check_labels(std::span<const uint8_t> labels, size_t classes, size_t first) {
  const auto bad = std::ranges::find_if(labels, [&](uint8_t label) { return label >= classes; });
  if (bad == labels.end()) return;
  throw data_error(
      "label " + std::to_string(*bad) + " of a data set with " + std::to_string(classes) +
          " classes",
      "training record " + std::to_string(first + static_cast<size_t>(bad - labels.begin())),
      "check the labels of the data set");
}

}  // namespace

size_t DeviceImages::bytes_for(const io::Dataset& dataset) {
  return dataset.size(io::Split::train) * (dataset.info().image_bytes() + 1);
}

bool DeviceImages::upload(const io::Dataset& dataset, cudaStream_t stream) {
  const size_t records = dataset.size(io::Split::train);
  if (labels_.size() == records && generation_ == dataset.generation()) return false;
  const size_t image_bytes = dataset.info().image_bytes();
  images_ = {};  // before there is another: both may not fit
  labels_ = {};
  images_ = podium::cuda::DeviceBuffer<uint8_t>(records * image_bytes, "the training images");
  labels_ = podium::cuda::DeviceBuffer<uint8_t>(records, "the training labels");
  const size_t most =
      std::clamp<size_t>(bytes_at_once / image_bytes, 1, std::max<size_t>(1, records));
  podium::cuda::PinnedBuffer<uint8_t> images(most * image_bytes, "images on their way to the GPU");
  podium::cuda::PinnedBuffer<uint8_t> labels(most, "labels on their way to the GPU");
  std::vector<uint32_t> chosen(most);
  for (size_t first = 0; first < records; first += most) {
    const size_t count = std::min(most, records - first);
    std::iota(chosen.begin(), chosen.end(), static_cast<uint32_t>(first));
    const std::span<uint8_t> part = images.span().first(count * image_bytes);
    const std::span<uint8_t> truth = labels.span().first(count);
    dataset.gather(io::Split::train, std::span(chosen).first(count), part, truth);
    check_labels(truth, dataset.info().classes, first);
    podium::cuda::copy(images_.data() + first * image_bytes, part.data(), part.size(), stream);
    podium::cuda::copy(labels_.data() + first, truth.data(), truth.size(), stream);
    podium::cuda::synchronise(stream);  // the pinned memory is written anew
  }
  generation_ = dataset.generation();
  return true;
}

}  // namespace podium::train::cuda
