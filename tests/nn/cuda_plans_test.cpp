// Whether cuDNN has an engine for every convolution of the built-in networks on an H200, in all
// numbers, passes and usual batch sizes. The GPU is only described: no GPU is needed to ask.
#include <gtest/gtest.h>

#include <set>
#include <tuple>

#include "core/cuda_handles.hpp"
#include "core/error.hpp"
#include "gpu_test.hpp"
#include "nn/cuda/convolution_graph.hpp"
#include "nn/lowering.hpp"
#include "settings.hpp"

namespace podium::nn::cuda {
namespace {

// What CUDA says of an H200, under cuDNN's names.
constexpr const char* h200 = R"({
  "deviceName": "NVIDIA H200", "deviceVer": 900, "driverVer": 13000, "cudaDeviceId": 0,
  "totalGlobalMem": 150000000000, "multiProcessorCount": 132, "warpSize": 32, "pciDeviceId": 0,
  "maxGridSize": [2147483647, 65535, 65535], "maxBlockSize": [1024, 1024, 64],
  "regsPerBlock": 65536, "maxRegistersPerSM": 65536, "maxSharedMemoryPerBlock": 49152,
  "maxSharedMemoryPerBlockOptin": 232448, "reservedSharedMemoryPerBlock": 1024,
  "maxCtasPerSM": 32, "maxThreadsPerBlock": 1024, "maxThreadsPerSM": 2048, "isTccDriver": 0,
  "supportCoopLaunch": 1, "smClockRateKHz": 1980000, "memClockRateKHz": 3201000,
  "l2CacheSize": 62914560})";

struct Numbers {
  NumberType type;
  Rounding rounding;
};
constexpr Numbers all_numbers[] = {{NumberType::fp32, Rounding::exact},
                                   {NumberType::fp32, Rounding::fast},
                                   {NumberType::bf16, Rounding::fast}};

// Each different convolution once.
std::vector<LayerPlan> convolutions(const std::string& model, ImageShape image) {
  const NetworkPlan network =
      plan_network(parse_architecture(builtin_architecture(model)), image, 10);
  std::set<std::tuple<int, int, int, int, int, int>> seen;
  std::vector<LayerPlan> found;
  for (const LayerPlan& layer : network.layers) {
    if (layer.op != LayerOp::convolution) continue;
    const bool is_new = seen.insert({layer.input.channels, layer.input.height, layer.input.width,
                                     layer.output.channels, layer.kernel_height, layer.stride})
                            .second;
    if (is_new) found.push_back(layer);
  }
  return found;
}

class Plans : public testing::Test {
 protected:
  void expect_plans(const LayerPlan& layer, int batch, const Numbers& numbers) {
    SCOPED_TRACE(layer.name + ", batch of " + std::to_string(batch) + ", " +
                 (numbers.type == NumberType::bf16     ? "bf16"
                  : numbers.rounding == Rounding::fast ? "TF32"
                                                       : "fp32"));
    const ConvolutionShape shape(layer, batch, numbers.type);
    const Rounding rounding = numbers.rounding;
    EXPECT_TRUE(plan_forward(target_, shape, {}, rounding, layer.name));
    EXPECT_TRUE(plan_backward_data(target_, shape, rounding, layer.name));
    EXPECT_TRUE(plan_backward_filter(target_, shape, rounding, layer.name));
    if (numbers.type == NumberType::bf16) return;  // predictions are fp32
    for (const bool relu : {false, true}) {
      const Epilogue epilogue{.bias = true, .relu = relu};
      EXPECT_TRUE(plan_forward(target_, shape, epilogue, rounding, layer.name));
    }
  }

  PlanTarget target_{h200};
};

class CudaPlans : public Plans, public testing::WithParamInterface<const char*> {};

TEST_P(CudaPlans, EveryConvolutionHasAnEngine) {
  size_t checked = 0;
  for (const ImageShape image : {ImageShape{1, 28, 28}, ImageShape{3, 32, 32}}) {
    for (const LayerPlan& layer : convolutions(GetParam(), image)) {
      for (const int batch : {1, 100, 512}) {
        for (const Numbers& numbers : all_numbers) expect_plans(layer, batch, numbers);
      }
      ++checked;
    }
  }
  EXPECT_GT(checked, 0U);
}

INSTANTIATE_TEST_SUITE_P(Networks, CudaPlans, testing::Values("cnn", "resnet"),
                         [](const auto& network) { return std::string(network.param); });

// Kernels with even sides have no symmetric padding of their own.
class CudaPlansOf : public Plans {};

TEST_F(CudaPlansOf, EvenAndUnusualKernelsHaveEnginesToo) {
  for (const int kernel : {1, 2, 4, 5, 7}) {
    for (const int stride : {1, 2, 3}) {
      LayerPlan layer;
      layer.op = LayerOp::convolution;
      layer.name = "conv 7 " + std::to_string(kernel) + " stride " + std::to_string(stride);
      layer.input = {5, 11, 9};
      layer.kernel_height = layer.kernel_width = kernel;
      layer.stride = stride;
      layer.output = {7, (11 + stride - 1) / stride, (9 + stride - 1) / stride};
      for (const Numbers& numbers : all_numbers) expect_plans(layer, 6, numbers);
    }
  }
}

// cuDNN compiles for these, with the driver and for the GPU that is there; without, there is none,
// and batch norms make a pass of their own.
TEST(CudaPlansOnGpu, ConvolutionsThatSumForABatchNormHaveAnEngine) {
  PODIUM_NEEDS_GPU();
  podium::cuda::use_device(probe_accelerators().devices.front().ordinal);
  const podium::cuda::Stream stream = podium::cuda::make_stream();
  const Cudnn cudnn = make_cudnn(stream.get());
  const PlanTarget target(cudnn.get());
  for (const LayerPlan& layer : convolutions("cnn", {1, 28, 28})) {
    for (const NumberType type : {NumberType::fp32, NumberType::bf16}) {
      const ConvolutionShape shape(layer, 128, type);
      EXPECT_TRUE(plan_forward(target, shape, {.moments = true}, Rounding::fast, layer.name))
          << layer.name;
    }
  }
}

TEST_F(CudaPlansOf, NoEngineIsNoFailure) {
  for (const LayerPlan& layer : convolutions("cnn", {1, 28, 28})) {
    const ConvolutionShape shape(layer, 128, NumberType::bf16);
    EXPECT_NO_THROW(plan_forward(target_, shape, {.moments = true}, Rounding::exact, layer.name));
  }
}

TEST(CudaPlanTarget, ADescriptionThatLacksSomethingIsRefused) {
  EXPECT_THROW(PlanTarget(std::string("{}")), Error);
}

}  // namespace
}  // namespace podium::nn::cuda
