// Each layer on the GPU against the same layer on the CPU, on shapes that fit no vector, with
// outputs that hold poison before, forward and backward.
#include "nn/layer_run.hpp"

namespace podium::nn {
namespace {

using test::LayerCase;
using test::LayerResult;
using test::LayerRun;

constexpr double near_enough = 1e-4;  // of the largest value

class CudaLayers : public test::OnGpu {
 protected:
  static void expect_equal(const LayerResult& gpu, const LayerResult& cpu, double share) {
    test::expect_near(gpu.output, cpu.output, share, "output");
    test::expect_near(gpu.input_gradient, cpu.input_gradient, share, "input gradient");
    test::expect_near(gpu.weights_gradient, cpu.weights_gradient, share, "weights gradient");
    test::expect_near(gpu.bias_gradient, cpu.bias_gradient, share, "bias gradient");
    test::expect_near(gpu.mean, cpu.mean, share, "mean");
    test::expect_near(gpu.variance, cpu.variance, share, "variance");
  }

  static void expect_same(const LayerCase& the_case, double share = near_enough) {
    SCOPED_TRACE(the_case.layer.name + ", batch of " + std::to_string(the_case.batch));
    const auto cpu = make_cpu_ops(1, {.rounding = Rounding::exact});
    const LayerResult expected = LayerRun(*cpu, the_case).run();
    const LayerResult first = on_gpu(the_case);
    expect_equal(first, expected, share);
    // Equal inputs, equal bits.
    expect_equal(on_gpu(the_case), first, 0);
  }

  // On a backend of its own: the weights that one has seen stay as long as it lives.
  static LayerResult on_gpu(const LayerCase& the_case, const StepKey& key = {3, 5}) {
    const auto gpu = test::gpu_ops();
    return LayerRun(*gpu, the_case).run(key);
  }
};

LayerPlan plain(LayerOp op, ImageShape shape) {
  LayerPlan layer;
  layer.op = op;
  layer.name = "layer";
  layer.input = layer.output = shape;
  layer.result = 1;
  return layer;
}

LayerCase convolution(ImageShape input, int channels, int kernel, int stride, int batch) {
  LayerCase made;
  made.batch = batch;
  made.layer = plain(LayerOp::convolution, input);
  made.layer.name = "conv " + std::to_string(channels) + " " + std::to_string(kernel) + " stride " +
                    std::to_string(stride) + " of " + std::to_string(input.channels) + "x" +
                    std::to_string(input.height) + "x" + std::to_string(input.width);
  made.layer.kernel_height = made.layer.kernel_width = kernel;
  made.layer.stride = stride;
  made.layer.output = {channels, (input.height + stride - 1) / stride,
                       (input.width + stride - 1) / stride};
  made.weights = static_cast<size_t>(channels * input.channels * kernel * kernel);
  made.layer.parameters = static_cast<int64_t>(made.weights);
  return made;
}

std::vector<LayerCase> convolutions() {
  return {convolution({1, 28, 28}, 32, 3, 1, 5), convolution({3, 9, 7}, 8, 3, 1, 1),
          convolution({16, 8, 8}, 16, 1, 1, 4),  convolution({16, 9, 7}, 24, 3, 2, 3),
          convolution({5, 7, 6}, 7, 5, 1, 2),    convolution({8, 6, 9}, 4, 2, 1, 3),
          convolution({8, 9, 9}, 12, 4, 2, 2),   convolution({32, 4, 4}, 8, 1, 2, 6)};
}

TEST_F(CudaLayers, Convolution) {
  for (const LayerCase& each : convolutions()) expect_same(each);
}

TEST_F(CudaLayers, ConvolutionWithBiasAndRelu) {
  for (LayerCase each : convolutions()) {
    each.layer.bias = true;
    each.layer.relu = true;
    expect_same(each);
    each.pass = Pass::inference;
    expect_same(each);
  }
}

TEST_F(CudaLayers, ConvolutionWithAFoldedNorm) {
  for (LayerCase each : convolutions()) {
    each.pass = Pass::inference;
    each.layer.norm = true;
    expect_same(each);
    each.layer.relu = true;
    expect_same(each);
  }
}

TEST_F(CudaLayers, TheFirstConvolutionNeedsNoInputGradient) {
  LayerCase first = convolution({3, 8, 8}, 16, 3, 1, 4);
  first.input_gradient = false;
  expect_same(first);
}

LayerCase dense(ImageShape input, int outputs, int batch) {
  LayerCase made;
  made.batch = batch;
  made.layer = plain(LayerOp::dense, input);
  made.layer.name = "dense " + std::to_string(outputs);
  made.layer.output = {outputs, 1, 1};
  made.weights = static_cast<size_t>(outputs * input.size());
  made.layer.parameters = static_cast<int64_t>(made.weights);
  return made;
}

TEST_F(CudaLayers, Dense) {
  for (LayerCase each : {dense({64, 1, 1}, 10, 1), dense({1, 28, 28}, 33, 7),
                         dense({5, 3, 3}, 128, 16), dense({128, 1, 1}, 256, 50)}) {
    expect_same(each);
    each.layer.bias = true;
    expect_same(each);
    each.layer.relu = true;
    expect_same(each);
    each.pass = Pass::inference;
    expect_same(each);
    each.layer.norm = true;
    expect_same(each);
  }
}

LayerCase norm(ImageShape input, int batch) {
  LayerCase made;
  made.batch = batch;
  made.layer = plain(LayerOp::batch_norm, input);
  made.layer.name = "norm of " + std::to_string(input.channels) + "x" +
                    std::to_string(input.height) + "x" + std::to_string(input.width);
  made.weights = 2 * static_cast<size_t>(input.channels);
  made.layer.parameters = static_cast<int64_t>(made.weights);
  return made;
}

std::vector<LayerCase> norms() {
  return {norm({32, 14, 14}, 9), norm({5, 7, 9}, 3),    norm({100, 1, 1}, 64),
          norm({1, 5, 5}, 2),    norm({40, 30, 30}, 8), norm({3, 1, 1}, 1)};
}

TEST_F(CudaLayers, BatchNorm) {
  for (LayerCase each : norms()) {
    expect_same(each);
    each.layer.relu = true;
    expect_same(each);
    each.pass = Pass::inference;
    expect_same(each);
  }
}

TEST_F(CudaLayers, BatchNormWithAResidualSum) {
  for (LayerCase each : norms()) {
    each.layer.relu = true;
    each.layer.side = 2;
    each.side = true;
    expect_same(each);
  }
}

TEST_F(CudaLayers, BatchNormWithAMaxPool) {
  for (LayerCase each : norms()) {
    for (const int window : {2, 3}) {
      if (each.layer.input.height < window || each.layer.input.width < window) continue;
      LayerCase pooled = each;
      pooled.layer.pool = window;
      pooled.layer.output.height /= window;
      pooled.layer.output.width /= window;
      for (const bool relu : {false, true}) {
        for (const bool quantised : {false, true}) {
          pooled.layer.relu = relu;
          pooled.quantised = quantised;
          expect_same(pooled);
        }
      }
    }
  }
}

TEST_F(CudaLayers, Pools) {
  for (const LayerOp op : {LayerOp::max_pool, LayerOp::average_pool}) {
    for (const ImageShape shape : {ImageShape{7, 9, 11}, ImageShape{16, 8, 8}}) {
      for (const int kernel : {2, 3, 5}) {
        for (const int stride : {1, 2, 3}) {
          LayerCase made;
          made.batch = 3;
          made.layer = plain(op, shape);
          made.layer.kernel_height = made.layer.kernel_width = kernel;
          made.layer.stride = stride;
          made.layer.output.height = (shape.height - kernel) / stride + 1;
          made.layer.output.width = (shape.width - kernel) / stride + 1;
          expect_same(made);
          made.quantised = true;
          expect_same(made);
        }
      }
    }
  }
}

TEST_F(CudaLayers, GlobalAveragePool) {
  LayerCase made;
  made.batch = 5;
  made.layer = plain(LayerOp::average_pool, {19, 7, 6});
  made.layer.kernel_height = 7;
  made.layer.kernel_width = 6;
  made.layer.output = {19, 1, 1};
  expect_same(made);
}

TEST_F(CudaLayers, ElementwiseLayersHaveTheBitsOfTheCpu) {
  for (const LayerOp op : {LayerOp::relu, LayerOp::dropout, LayerOp::sum, LayerOp::fork}) {
    for (const ImageShape shape : {ImageShape{5, 7, 3}, ImageShape{64, 8, 8}}) {
      for (const int batch : {1, 6}) {
        LayerCase made;
        made.batch = batch;
        made.layer = plain(op, shape);
        made.layer.rate = 0.3;
        made.layer.key = 4;
        made.side = op == LayerOp::sum;
        expect_same(made, 0);
      }
    }
  }
}

TEST_F(CudaLayers, DropoutGoesByTheKeyOfTheStep) {
  LayerCase made;
  made.batch = 4;
  made.layer = plain(LayerOp::dropout, {8, 4, 4});
  made.layer.rate = 0.5;
  EXPECT_NE(on_gpu(made, {3, 5}).output, on_gpu(made, {3, 6}).output);
  EXPECT_NE(on_gpu(made, {3, 5}).output, on_gpu(made, {4, 5}).output);
}

}  // namespace
}  // namespace podium::nn
