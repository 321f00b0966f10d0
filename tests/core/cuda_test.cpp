// CUDA's checks, handles and buffers: what they say is tested everywhere, what they do on a GPU.
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "core/cuda_buffer.hpp"
#include "core/cuda_check.hpp"
#include "core/cuda_handles.hpp"
#include "gpu_test.hpp"

namespace podium::cuda {
namespace {

TEST(CudaCheck, OutOfMemorySaysWhatWasAskedWhatIsFreeAndWhatToDo) {
  const Error error = out_of_memory("activations of model 'cnn'", size_t{3} << 30, size_t{1} << 29,
                                    size_t{4} << 30);
  EXPECT_EQ(error.code(), ExitCode::unavailable);
  const std::string text = error.what();
  for (const char* part : {"activations of model 'cnn' asks for 3072.0 MiB",
                           "512.0 of 4096.0 MiB are free", "smaller batch"}) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  }
}

TEST(CudaCheck, WhatTheUserCanMendIsUnavailableTheRestInternal) {
  for (const cudaError_t status : {cudaErrorMemoryAllocation, cudaErrorNoDevice,
                                   cudaErrorInsufficientDriver, cudaErrorDevicesUnavailable}) {
    EXPECT_EQ(error_of(status, "a test").code(), ExitCode::unavailable) << cudaGetErrorName(status);
  }
  for (const cudaError_t status : {cudaErrorInvalidValue, cudaErrorIllegalAddress}) {
    EXPECT_EQ(error_of(status, "a test").code(), ExitCode::internal) << cudaGetErrorName(status);
  }
}

TEST(CudaCheck, ThrowsWhatFailedAndWhere) {
  EXPECT_NO_THROW(check(cudaSuccess, "a test"));
  try {
    check(cudaErrorInvalidValue, "copying a test");
    FAIL() << "passed an error";
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("copying a test"), std::string::npos) << text;
    EXPECT_NE(text.find("cudaErrorInvalidValue"), std::string::npos) << text;
  }
}

TEST(CudaBuffer, AnEmptyOneNeedsNoGpu) {
  const DeviceBuffer<float> device(0, "nothing");
  const PinnedBuffer<float> pinned(0, "nothing");
  const ManagedBuffer<float> managed(0, "nothing");
  EXPECT_EQ(device.data(), nullptr);
  EXPECT_EQ(pinned.data(), nullptr);
  EXPECT_TRUE(managed.span().empty());
}

class CudaDevice : public ::testing::Test {
 protected:
  void SetUp() override {
    PODIUM_NEEDS_GPU();
    use_device(probe_accelerators().devices.front().ordinal);
  }
};

TEST_F(CudaDevice, BuffersAreZeroAtBirthAndKeepTheirAddress) {
  constexpr size_t count = 1000;
  const Stream stream = make_stream();
  DeviceBuffer<float> device(count, "a test");
  PinnedBuffer<float> pinned(count, "a test");
  ManagedBuffer<float> managed(count, "a test");
  const auto is_zero = [](float value) { return value == 0.0F; };
  EXPECT_TRUE(std::ranges::all_of(managed.span(), is_zero));
  std::ranges::fill(pinned.span(), 7.0F);
  copy(pinned.data(), device.data(), device.bytes(), stream.get());
  synchronise(stream.get());
  EXPECT_TRUE(std::ranges::all_of(pinned.span(), is_zero));
  const float* address = managed.data();
  const ManagedBuffer<float> moved = std::move(managed);
  EXPECT_EQ(moved.data(), address);
  EXPECT_EQ(moved.size(), count);
}

TEST_F(CudaDevice, ManagedMemoryIsSeenByBothSides) {
  constexpr size_t count = 4097;
  const Stream stream = make_stream();
  ManagedBuffer<float> from(count, "a test");
  ManagedBuffer<float> to(count, "a test");
  for (size_t i = 0; i < count; ++i) from.data()[i] = static_cast<float>(i);
  prefetch(from.span(), stream.get());
  copy(to.data(), from.data(), from.bytes(), stream.get());
  synchronise(stream.get());
  EXPECT_TRUE(std::ranges::equal(from.span(), to.span()));
}

TEST_F(CudaDevice, TooMuchMemorySaysSoAndTheNextCallWorks) {
  try {
    const DeviceBuffer<std::byte> huge(size_t{1} << 45, "a test");
    FAIL() << "32 TiB of GPU memory";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::unavailable);
    EXPECT_NE(std::string(error.what()).find("a test asks for"), std::string::npos) << error.what();
  }
  EXPECT_NO_THROW(check_launch("nothing"));
  EXPECT_NO_THROW(DeviceBuffer<float>(10, "a test"));
}

// The driver would hand it out, and the GPU would be busy with moving pages from then on.
TEST_F(CudaDevice, ManagedMemoryIsNeverMoreThanTheGpuHas) {
  try {
    const ManagedBuffer<std::byte> huge(size_t{1} << 40, "a test");
    FAIL() << "1 TiB of GPU memory";
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_EQ(error.code(), ExitCode::unavailable);
    EXPECT_NE(text.find("a test asks for 1048576.0 MiB"), std::string::npos) << text;
    EXPECT_NE(text.find("are free"), std::string::npos) << text;
  }
  EXPECT_NO_THROW(ManagedBuffer<float>(10, "a test"));
}

TEST_F(CudaDevice, AStreamThatIsNotReadyLeavesNoErrorBehind) {
  const Stream stream = make_stream();
  const DeviceBuffer<std::byte> from(size_t{64} << 20, "a test");
  const DeviceBuffer<std::byte> to(size_t{64} << 20, "a test");
  copy(to.data(), from.data(), from.bytes(), stream.get());
  cudaError_t state = cudaErrorNotReady;
  while (state == cudaErrorNotReady) {
    state = state_of(stream.get());
    EXPECT_NO_THROW(check_launch("nothing"));
  }
  EXPECT_EQ(state, cudaSuccess);
}

TEST_F(CudaDevice, ACapturedGraphRunsAsOftenAsItIsLaunched) {
  const Stream stream = make_stream();
  ManagedBuffer<float> source(16, "a test");
  ManagedBuffer<float> target(16, "a test");
  const GraphExec graph = capture(
      stream.get(), [&] { copy(target.data(), source.data(), source.bytes(), stream.get()); });
  source.data()[3] = 5.0F;
  EXPECT_EQ(target.data()[3], 0.0F) << "a capture ran";
  for (const float value : {5.0F, 6.0F}) {
    source.data()[3] = value;
    launch(graph, stream.get());
    synchronise(stream.get());
    EXPECT_EQ(target.data()[3], value);
  }
}

TEST_F(CudaDevice, ACaptureThatThrowsLeavesTheStreamUsable) {
  const Stream stream = make_stream();
  const auto fail = [] { throw std::runtime_error("on purpose"); };
  EXPECT_THROW(static_cast<void>(capture(stream.get(), fail)), std::runtime_error);
  EXPECT_NO_THROW(synchronise(stream.get()));
}

TEST_F(CudaDevice, EventsOrderStreamsAndTellTimes) {
  const Stream first = make_stream();
  const Stream second = make_stream();
  const Event begin = make_event(true);
  const Event end = make_event(true);
  record(begin, first.get());
  wait(second.get(), begin);
  record(end, second.get());
  synchronise(second.get());
  EXPECT_GE(elapsed_ms(begin, end), 0.0F);
}

}  // namespace
}  // namespace podium::cuda
