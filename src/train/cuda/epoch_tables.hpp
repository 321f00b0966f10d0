// EpochTables: one epoch as the kernels find it on the device (step_tables.hpp), and the next one
// on its way there.
//
// The host draws an epoch into pinned memory, ahead of its time while the device is busy with the
// one before; begin() copies it over. Addresses on the device stay the same for the object's life.
// Threads: belongs to one thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "core/cuda_buffer.hpp"
#include "io/image/image_shape.hpp"
#include "train/cuda/device_images.hpp"
#include "train/cuda/step_tables.hpp"
#include "train/epoch_table.hpp"

namespace podium::train::cuda {

class EpochTables {
 public:
  // Room for the epochs of `data` over `records` records, of images of `shape`.
  EpochTables(const io::LoaderOptions& data, uint64_t records, const io::ImageShape& shape);

  static size_t bytes_for(const io::LoaderOptions& data, uint64_t records);

  // Draws the images of `plan` on the host, unless that was done already.
  void draw(const EpochPlan& plan);

  // Enqueues the copy of the epoch, which is drawn if it was not, and puts the cursor to where the
  // plan begins. No step may be under way.
  void begin(const EpochPlan& plan, std::span<const PlannedStep> steps, uint64_t dropout_seed,
             cudaStream_t stream);

  // Enqueues the copy of the losses of `count` steps from `first` on to the host, where they are
  // once the stream has been waited for.
  std::span<const nn::cuda::DeviceLoss> fetch_losses(size_t first, size_t count,
                                                     cudaStream_t stream);

  StepTables tables(const DeviceImages& images);

 private:
  // An epoch on the host.
  struct Drawn {
    podium::cuda::PinnedBuffer<DrawnImage> images;
    std::optional<uint64_t> epoch;  // which one it holds
  };

  uint64_t records_;
  io::ImageShape shape_;
  std::array<Drawn, 2> drawn_;  // the epoch under way, which may still be copied, and another
  size_t next_ = 0;             // of them: where the next one is drawn
  podium::cuda::PinnedBuffer<StepEntry> host_steps_;
  podium::cuda::PinnedBuffer<EpochKey> host_epoch_;
  podium::cuda::PinnedBuffer<Cursor> host_cursor_;
  podium::cuda::PinnedBuffer<nn::cuda::DeviceLoss> host_losses_;

  podium::cuda::DeviceBuffer<DrawnImage> order_;
  podium::cuda::DeviceBuffer<StepEntry> steps_;  // the last one: of the step under way
  podium::cuda::DeviceBuffer<EpochKey> epoch_;
  podium::cuda::DeviceBuffer<Cursor> cursor_;
  podium::cuda::DeviceBuffer<nn::cuda::DeviceLoss> losses_;
  podium::cuda::DeviceBuffer<uint8_t> batch_labels_;
};

}  // namespace podium::train::cuda
