// DeviceImages: the training split of a data set in the memory of a GPU: uint8 images and labels,
// in the order of the split.
//
// A copy of one generation of the data set; upload() takes another. Threads: belongs to one thread.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "core/cuda_buffer.hpp"
#include "io/loader/dataset.hpp"

namespace podium::train::cuda {

class DeviceImages {
 public:
  // Copies the training split as `dataset` shows it now, unless that is what is held; returns
  // whether it did: addresses are then others. Waits. Throws data_error for a label that is no
  // class, what gather() throws, and unavailable_error when the GPU has no room.
  bool upload(const io::Dataset& dataset, cudaStream_t stream);

  const uint8_t* images() const { return images_.data(); }  // [records,H,W,C]
  const uint8_t* labels() const { return labels_.data(); }  // [records]

  static size_t bytes_for(const io::Dataset& dataset);

 private:
  podium::cuda::DeviceBuffer<uint8_t> images_;
  podium::cuda::DeviceBuffer<uint8_t> labels_;
  uint64_t generation_ = 0;
};

}  // namespace podium::train::cuda
