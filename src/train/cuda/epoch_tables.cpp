#include "train/cuda/epoch_tables.hpp"

#include "core/error.hpp"
#include "io/loader/batch_range.hpp"

namespace podium::train::cuda {
namespace {

using podium::cuda::copy;

// Images of this rank in a step, at most.
size_t largest_share(const io::LoaderOptions& data, uint64_t records) {
  const size_t batch = std::min<size_t>(data.batch, static_cast<size_t>(records));
  return (batch + data.world - 1) / data.world;
}

// Behind `steps`, which are not taken.
Cursor cursor_at(std::span<const PlannedStep> steps) {
  Cursor cursor{static_cast<uint32_t>(steps.size()), 0};
  for (const PlannedStep& step : steps) cursor.image += static_cast<uint32_t>(step.images);
  return cursor;
}

}  // namespace

EpochTables::EpochTables(const io::LoaderOptions& data, uint64_t records,
                         const io::ImageShape& shape)
    : records_(records), shape_(shape) {
  const size_t images = images_of_rank(data, records);
  const size_t steps = io::steps_of(records, data.batch);
  for (Drawn& drawn : drawn_) drawn.images = {images, "the order of an epoch"};
  host_steps_ = {steps, "the steps of an epoch"};
  host_epoch_ = {1, "the key of an epoch"};
  host_cursor_ = {1, "the cursor of an epoch"};
  host_losses_ = {steps, "the losses of an epoch"};
  order_ = {images, "the order of an epoch"};
  steps_ = {steps + 1, "the steps of an epoch"};
  epoch_ = {1, "the key of an epoch"};
  cursor_ = {1, "the cursor of an epoch"};
  losses_ = {steps, "the losses of an epoch"};
  batch_labels_ = {largest_share(data, records), "the labels of a batch"};
}

size_t EpochTables::bytes_for(const io::LoaderOptions& data, uint64_t records) {
  return images_of_rank(data, records) * sizeof(DrawnImage) +
         io::steps_of(records, data.batch) * (sizeof(StepEntry) + sizeof(nn::cuda::DeviceLoss));
}

void EpochTables::draw(const EpochPlan& plan) {
  Drawn& drawn = drawn_[next_];
  if (drawn.epoch == plan.epoch) return;
  drawn.epoch.reset();
  draw_images(plan, shape_, records_, drawn.images.span());
  drawn.epoch = plan.epoch;
}

void EpochTables::begin(const EpochPlan& plan, std::span<const PlannedStep> steps,
                        uint64_t dropout_seed, cudaStream_t stream) {
  require(steps.size() == host_steps_.size(), "the tables are of this data set", "EpochTables");
  draw(plan);
  const Drawn& drawn = drawn_[next_];
  next_ = 1 - next_;
  for (size_t i = 0; i < steps.size(); ++i) {
    host_steps_.data()[i] = {static_cast<float>(steps[i].lr), steps[i].average_share};
  }
  *host_epoch_.data() = {dropout_seed, static_cast<uint64_t>(plan.first_step)};
  *host_cursor_.data() = cursor_at(steps.first(static_cast<size_t>(plan.begin)));
  copy(order_.data(), drawn.images.data(), drawn.images.bytes(), stream);
  copy(steps_.data(), host_steps_.data(), host_steps_.bytes(), stream);
  copy(epoch_.data(), host_epoch_.data(), host_epoch_.bytes(), stream);
  copy(cursor_.data(), host_cursor_.data(), host_cursor_.bytes(), stream);
}

std::span<const nn::cuda::DeviceLoss> EpochTables::fetch_losses(size_t first, size_t count,
                                                                cudaStream_t stream) {
  require(first + count <= losses_.size(), "steps of this epoch", "EpochTables::fetch_losses");
  nn::cuda::DeviceLoss* to = host_losses_.data() + first;
  copy(to, losses_.data() + first, count * sizeof(nn::cuda::DeviceLoss), stream);
  return {to, count};
}

StepTables EpochTables::tables(const DeviceImages& images) {
  StepTables tables;
  tables.images = images.images();
  tables.labels = images.labels();
  tables.order = order_.data();
  tables.steps = steps_.data();
  tables.epoch = epoch_.data();
  tables.cursor = cursor_.data();
  tables.losses = losses_.data();
  tables.now = steps_.data() + host_steps_.size();
  tables.batch_labels = batch_labels_.data();
  return tables;
}

}  // namespace podium::train::cuda
