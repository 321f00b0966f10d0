// The kernels of a resident step, each alone, against the host.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#include "core/cuda_buffer.hpp"
#include "core/cuda_handles.hpp"
#include "gpu_test.hpp"
#include "io/image/augment.hpp"
#include "train/cuda/step_kernels.hpp"

namespace podium {
namespace {

using podium::cuda::ManagedBuffer;
using train::cuda::Cursor;
using train::cuda::EpochKey;
using train::cuda::StepEntry;
using train::cuda::StepTables;

// Number `at` of a list of `type`: bf16 is the upper half of an fp32.
float number_at(const float* values, size_t at, nn::cuda::NumberType type) {
  if (type == nn::cuda::NumberType::fp32) return values[at];
  uint16_t half = 0;
  std::memcpy(&half, reinterpret_cast<const uint8_t*>(values) + 2 * at, sizeof half);
  return std::bit_cast<float>(uint32_t{half} << 16);
}

class StepKernelsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    PODIUM_NEEDS_GPU();
    cuda::use_device(probe_accelerators().devices.front().ordinal);
    stream_ = cuda::make_stream();
    cursor_ = {1, "a test"};
    steps_ = {4, "a test"};
    epoch_ = {1, "a test"};
    now_ = {1, "a test"};
    losses_ = {4, "a test"};
    tables_.cursor = cursor_.data();
    tables_.steps = steps_.data();
    tables_.epoch = epoch_.data();
    tables_.now = now_.data();
    tables_.losses = losses_.data();
  }

  void wait() { cuda::synchronise(stream_.get()); }

  cuda::Stream stream_;
  ManagedBuffer<Cursor> cursor_;
  ManagedBuffer<StepEntry> steps_;
  ManagedBuffer<EpochKey> epoch_;
  ManagedBuffer<StepEntry> now_;
  ManagedBuffer<nn::cuda::DeviceLoss> losses_;
  StepTables tables_;
};

// With scale 1 and shift 0 inputs are the pixels, exactly, in both types of numbers.
TEST_F(StepKernelsTest, ImagesAreAugmentedToTheBitsOfTheHost) {
  constexpr size_t records = 40;
  constexpr size_t batch = 100;
  constexpr size_t offset = 7;  // of the batch in the epoch
  const io::Augmentation augmentation{true, 3, 6, 0.5};
  for (const size_t channels : {1U, 3U}) {
    const io::ImageShape shape{19, 23, channels};
    ManagedBuffer<uint8_t> images(records * shape.bytes(), "a test");
    ManagedBuffer<uint8_t> labels(records, "a test");
    ManagedBuffer<train::DrawnImage> order(offset + batch, "a test");
    ManagedBuffer<float> inputs(batch * shape.bytes(), "a test");
    ManagedBuffer<uint8_t> batch_labels(batch, "a test");
    ManagedBuffer<float> scale(channels, "a test");
    ManagedBuffer<float> shift(channels, "a test");
    std::ranges::fill(scale.span(), 1.0F);
    for (size_t i = 0; i < images.size(); ++i) images.data()[i] = static_cast<uint8_t>(i * 31 + 5);
    for (size_t i = 0; i < records; ++i) labels.data()[i] = static_cast<uint8_t>(i % 10);
    for (size_t i = 0; i < order.size(); ++i) {
      const auto record = static_cast<uint32_t>(i * 17 % records);
      order.data()[i] = {io::draw(augmentation, shape, {1, i, record}), record};
    }
    tables_.images = images.data();
    tables_.labels = labels.data();
    tables_.order = order.data();
    tables_.batch_labels = batch_labels.data();
    for (const auto type : {nn::cuda::NumberType::fp32, nn::cuda::NumberType::bf16}) {
      *cursor_.data() = {0, offset};
      train::cuda::load_batch(tables_, {19, 23, static_cast<uint32_t>(channels)}, batch,
                              {inputs.data(), scale.data(), shift.data(), type}, stream_.get());
      wait();
      std::vector<uint8_t> expected(shape.bytes());
      for (size_t i = 0; i < batch; ++i) {
        const train::DrawnImage& drawn = order.data()[offset + i];
        io::apply(drawn.draw, shape, images.data() + drawn.record * shape.bytes(), expected.data());
        EXPECT_EQ(batch_labels.data()[i], drawn.record % 10);
        for (size_t at = 0; at < expected.size(); ++at) {
          ASSERT_EQ(number_at(inputs.data(), i * expected.size() + at, type), expected[at])
              << "image " << i << ", byte " << at << " of " << channels << " channels";
        }
      }
    }
  }
}

TEST_F(StepKernelsTest, ImagesAreNormalisedByChannel) {
  ManagedBuffer<uint8_t> images(6, "a test");
  ManagedBuffer<uint8_t> labels(1, "a test");
  ManagedBuffer<train::DrawnImage> order(1, "a test");
  ManagedBuffer<float> inputs(6, "a test");
  ManagedBuffer<float> scale(3, "a test");
  ManagedBuffer<float> shift(3, "a test");
  for (size_t i = 0; i < 6; ++i) images.data()[i] = static_cast<uint8_t>(40 * i + 3);
  for (size_t c = 0; c < 3; ++c) {
    scale.data()[c] = 0.25F * static_cast<float>(c + 1);
    shift.data()[c] = -static_cast<float>(c);
  }
  tables_.images = images.data();
  tables_.labels = tables_.batch_labels = labels.data();
  tables_.order = order.data();
  train::cuda::load_batch(tables_, {1, 2, 3}, 1,
                          {inputs.data(), scale.data(), shift.data(), nn::cuda::NumberType::fp32},
                          stream_.get());
  wait();
  for (size_t i = 0; i < 6; ++i) {
    const float expected =
        static_cast<float>(images.data()[i]) * scale.data()[i % 3] + shift.data()[i % 3];
    EXPECT_NEAR(inputs.data()[i], expected, 1e-6);  // one of both may not round the product
  }
}

TEST_F(StepKernelsTest, StepsReadTheirScalarsAndMoveTheCursor) {
  ManagedBuffer<nn::StepKey> key(1, "a test");
  ManagedBuffer<nn::cuda::DeviceLoss> loss(1, "a test");
  *epoch_.data() = {77, 1000};
  for (uint32_t i = 0; i < 4; ++i) {
    steps_.data()[i] = {static_cast<float>(i) + 0.5F, static_cast<float>(i)};
  }
  for (uint32_t i = 0; i < 4; ++i) {
    train::cuda::begin_step(tables_, key.data(), stream_.get());
    wait();
    EXPECT_EQ(key.data()->seed, 77U);
    EXPECT_EQ(key.data()->step, 1000U + i);
    EXPECT_EQ(now_.data()->learning_rate, static_cast<float>(i) + 0.5F);
    EXPECT_EQ(now_.data()->average_share, static_cast<float>(i));
    *loss.data() = {10.0 + i, static_cast<int>(i), 0};
    train::cuda::end_step(tables_, i == 3 ? nullptr : loss.data(), 5, stream_.get());
    wait();
    EXPECT_EQ(cursor_.data()->step, i + 1);
    EXPECT_EQ(cursor_.data()->image, 5 * (i + 1));
    EXPECT_EQ(losses_.data()[i].loss_sum, i == 3 ? 0.0 : 10.0 + i);
    EXPECT_EQ(losses_.data()[i].correct, i == 3 ? 0 : static_cast<int>(i));
  }
}

TEST_F(StepKernelsTest, ScalesToTheBitsOfTheHost) {
  constexpr size_t count = 2000003;  // more than a thread each
  ManagedBuffer<float> values(count, "a test");
  std::vector<float> expected(count);
  for (size_t i = 0; i < count; ++i) {
    values.data()[i] = static_cast<float>(i % 97) * 0.013F - 0.5F;
    expected[i] = values.data()[i] * 0.3F;
  }
  train::cuda::scale(values.data(), count, 0.3F, stream_.get());
  wait();
  EXPECT_TRUE(std::ranges::equal(values.span(), expected));
}

}  // namespace
}  // namespace podium
