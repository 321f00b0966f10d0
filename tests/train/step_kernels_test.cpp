// The kernels of a resident step, each alone, against the host.
#include <gtest/gtest.h>

#include <algorithm>
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
    ManagedBuffer<uint8_t> loaded(batch * shape.bytes(), "a test");
    ManagedBuffer<uint8_t> batch_labels(batch, "a test");
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
    *cursor_.data() = {0, offset};
    train::cuda::load_batch(tables_, {19, 23, static_cast<uint32_t>(channels)}, batch,
                            loaded.data(), stream_.get());
    wait();
    std::vector<uint8_t> expected(shape.bytes());
    for (size_t i = 0; i < batch; ++i) {
      const train::DrawnImage& drawn = order.data()[offset + i];
      io::apply(drawn.draw, shape, images.data() + drawn.record * shape.bytes(), expected.data());
      EXPECT_EQ(batch_labels.data()[i], drawn.record % 10);
      EXPECT_TRUE(std::equal(expected.begin(), expected.end(), loaded.data() + i * shape.bytes()))
          << "image " << i << " of " << channels << " channels";
    }
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
