// Stands in for cudnn_check.cpp, cudnn_plan.cpp and convolution_graph.cpp of src/nn/cuda and for
// cuDNN behind them: convolutions by plain loops, summed in double precision. A plan's descriptor
// holds what it does.
#include "core/error.hpp"
#include "emulation/numbers.hpp"
#include "nn/cuda/convolution_graph.hpp"

#include <cudnn_version.h>

size_t cudnnGetVersion() {
  return CUDNN_MAJOR * 10000 + CUDNN_MINOR * 100 + CUDNN_PATCHLEVEL;
}

namespace podium::nn::cuda {
namespace {

using Tensors = std::map<int64_t, void*>;

Plan plan_of(std::function<void(const Tensors&)> work, const std::string& where) {
  Descriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, where);
  plan.get()->work = std::move(work);
  return {Descriptor(), std::move(plan)};
}

// Calls work(index in the input, in the filter, in the output) for all products of a convolution.
template <typename Work>
void for_each_product(const ConvolutionShape& s, Work work) {
  const auto place = [](const ImageShape& image, int n, int y, int x) {
    return ((static_cast<size_t>(n) * image.height + y) * image.width + x) * image.channels;
  };
  const auto with_channels = [&](size_t input, int tap, size_t output) {
    const int taps = s.kernel_height * s.kernel_width;
    for (int o = 0; o < s.output.channels; ++o) {
      const size_t filter = (static_cast<size_t>(o) * taps + tap) * s.input.channels;
      for (int i = 0; i < s.input.channels; ++i) work(input + i, filter + i, output + o);
    }
  };
  for (int n = 0; n < s.batch; ++n) {
    for (int oy = 0; oy < s.output.height; ++oy) {
      for (int ox = 0; ox < s.output.width; ++ox) {
        for (int tap = 0; tap < s.kernel_height * s.kernel_width; ++tap) {
          const int y = oy * s.stride + tap / s.kernel_width - s.kernel_height / 2;
          const int x = ox * s.stride + tap % s.kernel_width - s.kernel_width / 2;
          if (y < 0 || x < 0 || y >= s.input.height || x >= s.input.width) continue;
          with_channels(place(s.input, n, y, x), tap, place(s.output, n, oy, ox));
        }
      }
    }
  }
}

std::vector<double> numbers_of(NumberType type, const void* memory, size_t count) {
  std::vector<double> numbers(count);
  for (size_t i = 0; i < count; ++i)
    numbers[i] = emulated::read(type == NumberType::fp32, memory, i);
  return numbers;
}

void store(NumberType type, void* memory, const std::vector<double>& numbers) {
  for (size_t i = 0; i < numbers.size(); ++i) {
    emulated::write(type == NumberType::fp32, memory, i, static_cast<float>(numbers[i]));
  }
}

size_t inputs(const ConvolutionShape& shape) {
  return static_cast<size_t>(shape.batch) * shape.input.size();
}
size_t outputs(const ConvolutionShape& shape) {
  return static_cast<size_t>(shape.batch) * shape.output.size();
}

void apply(const Epilogue& epilogue, const Tensors& tensors, int channels,
           std::vector<double>& values) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (epilogue.bias) {
      values[i] += static_cast<const float*>(tensors.at(kBias))[i % static_cast<size_t>(channels)];
    }
    if (epilogue.relu && !(values[i] > 0)) values[i] = 0;
  }
}

// In fp32, as of an engine.
void sum_up(const Tensors& tensors, const ConvolutionShape& shape, const std::vector<double>& y) {
  const auto channels = static_cast<size_t>(shape.output.channels);
  for (size_t c = 0; c < channels; ++c) {
    double sum = 0;
    double squares = 0;
    for (size_t i = c; i < y.size(); i += channels) {
      sum += y[i];
      squares += y[i] * y[i];
    }
    static_cast<float*>(tensors.at(kSums))[c] = static_cast<float>(sum);
    static_cast<float*>(tensors.at(kSquares))[c] = static_cast<float>(squares);
  }
}

}  // namespace

void CudnnTraits::close(Value) noexcept {}

Cudnn make_cudnn(cudaStream_t stream) {
  return Cudnn(stream);
}

void DescriptorTraits::close(Value descriptor) noexcept {
  delete descriptor;
}

Descriptor::Descriptor(cudnnBackendDescriptorType_t, std::string where)
    : handle_(new EmulatedPlan), where_(std::move(where)) {}

Plan::Plan(Descriptor config, Descriptor plan)
    : config_(std::move(config)), plan_(std::move(plan)), workspace_bytes_(1024) {}

void Plan::run(cudnnHandle_t, std::span<const int64_t> tensors, std::span<void* const> memory,
               void* workspace, const std::string& where) const {
  require(workspace != nullptr && tensors.size() == memory.size(), "a plan's memory",
          where.c_str());
  Tensors given;
  for (size_t i = 0; i < tensors.size(); ++i) given[tensors[i]] = memory[i];
  emulated::submit([work = plan_.get()->work, given] { work(given); });
}

Plan plan_forward(const PlanTarget&, const ConvolutionShape& shape, const Epilogue& epilogue,
                  Rounding, const std::string& where) {
  const auto work = [=](const Tensors& tensors) {
    const auto x = numbers_of(shape.type, tensors.at(kInput), inputs(shape));
    const auto w = numbers_of(shape.type, tensors.at(kFilter), shape.filter_count());
    std::vector<double> y(outputs(shape));
    for_each_product(shape, [&](size_t i, size_t f, size_t o) { y[o] += x[i] * w[f]; });
    apply(epilogue, tensors, shape.output.channels, y);
    store(shape.type, tensors.at(kOutput), y);
    if (epilogue.moments)
      sum_up(tensors, shape, numbers_of(shape.type, tensors.at(kOutput), y.size()));
  };
  return plan_of(work, where);
}

Plan plan_backward_data(const PlanTarget&, const ConvolutionShape& shape, Rounding,
                        const std::string& where) {
  const auto work = [=](const Tensors& tensors) {
    const auto dy = numbers_of(shape.type, tensors.at(kOutput), outputs(shape));
    const auto w = numbers_of(shape.type, tensors.at(kFilter), shape.filter_count());
    std::vector<double> dx(inputs(shape));
    for_each_product(shape, [&](size_t i, size_t f, size_t o) { dx[i] += dy[o] * w[f]; });
    store(shape.type, tensors.at(kInput), dx);
  };
  return plan_of(work, where);
}

Plan plan_backward_filter(const PlanTarget&, const ConvolutionShape& shape, Rounding,
                          const std::string& where) {
  const auto work = [=](const Tensors& tensors) {
    const auto x = numbers_of(shape.type, tensors.at(kInput), inputs(shape));
    const auto dy = numbers_of(shape.type, tensors.at(kOutput), outputs(shape));
    std::vector<double> dw(shape.filter_count());
    for_each_product(shape, [&](size_t i, size_t f, size_t o) { dw[f] += dy[o] * x[i]; });
    store(shape.type, tensors.at(kFilter), dw);
  };
  return plan_of(work, where);
}

}  // namespace podium::nn::cuda
