// What a user is told on machines whose GPU, driver or memory does not suffice: on the emulated
// GPU, which can be any machine.
#include <gtest/gtest.h>

#include "core/accelerator.hpp"
#include "core/cuda_buffer.hpp"
#include "core/device_choice.hpp"
#include "core/error.hpp"
#include "emulation/device.hpp"

namespace podium {
namespace {

class Machines : public testing::Test {
 protected:
  ~Machines() override { emulated::machine() = {}; }

  // auto computes on CPUs and says why; --device=cuda ends with 69 and the same reason.
  static void expect_no_gpu(const std::string& why) {
    const AcceleratorProbe probe = probe_accelerators();
    EXPECT_FALSE(probe.any());
    EXPECT_NE(probe.why_none.find(why), std::string::npos) << probe.why_none;
    const DeviceChoice choice = choose_device(DeviceRequest::automatic, probe, 0, 1);
    EXPECT_FALSE(choice.on_gpu());
    EXPECT_NE(choice.notice.find(why), std::string::npos) << choice.notice;
    try {
      choose_device(DeviceRequest::cuda, probe, 0, 1);
      ADD_FAILURE() << "a GPU that is not there";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::unavailable);
      EXPECT_NE(std::string(error.what()).find(why), std::string::npos) << error.what();
    }
    EXPECT_EQ(cudaGetLastError(), cudaSuccess) << "the next launch would be blamed";
  }
};

TEST_F(Machines, HaveAGpu) {
  EXPECT_TRUE(probe_accelerators().any());
}

TEST_F(Machines, HaveNoDriver) {
  emulated::machine().driver = 0;
  expect_no_gpu("no NVIDIA driver is installed");
}

TEST_F(Machines, HaveADriverThatIsTooOld) {
  emulated::machine().driver = 12040;
  expect_no_gpu("the driver is made for CUDA 12.4, and this build needs 13.0 or a newer one");
}

TEST_F(Machines, HaveADriverAndNoGpu) {
  emulated::machine().gpus = 0;
  expect_no_gpu("the driver shows no GPU");
}

TEST_F(Machines, HaveAGpuThatIsTooOld) {
  emulated::machine().capability = 7;
  expect_no_gpu("has compute capability 7.0, and this build needs 8.0");
}

TEST_F(Machines, HaveAGpuThatSharesNoMemory) {
  emulated::machine().managed_memory = false;
  expect_no_gpu("has no memory that it shares with the host");
}

// Also of managed memory, of which a driver hands out more than there is.
template <typename Buffer>
void expect_too_little(size_t bytes) {
  try {
    const Buffer more(bytes, "activations");
    ADD_FAILURE() << "110 MiB of 100";
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_EQ(error.code(), ExitCode::unavailable);
    for (const char* part : {"activations asks for 50.0 MiB", "40.0 of 100.0 MiB are free",
                             "smaller batch", "narrower network", "--device=cpu"}) {
      EXPECT_NE(text.find(part), std::string::npos) << text;
    }
  }
}

TEST_F(Machines, HaveTooLittleMemory) {
  emulated::machine().memory_bytes = size_t{100} << 20;
  const cuda::DeviceBuffer<std::byte> taken(size_t{60} << 20, "a test");
  expect_too_little<cuda::DeviceBuffer<std::byte>>(size_t{50} << 20);
  expect_too_little<cuda::ManagedBuffer<std::byte>>(size_t{50} << 20);
}

}  // namespace
}  // namespace podium
