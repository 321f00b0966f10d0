#include "nn/cpu/peak.hpp"

#include <omp.h>

#include <algorithm>
#include <array>
#include <dnnl.hpp>
#include <limits>
#include <string>

#include "core/clock.hpp"
#include "core/error.hpp"

namespace podium::nn {
namespace {

using Forward = dnnl::convolution_forward;

constexpr int64_t images = 64;
constexpr int64_t channels = 256;
constexpr int64_t side = 28;
constexpr int64_t kernel = 3;
constexpr double flops = 2.0 * images * side * side * channels * channels * kernel * kernel;
constexpr int runs = 5;

dnnl::memory::desc any(const dnnl::memory::dims& dims) {
  return {dims, dnnl::memory::data_type::f32, dnnl::memory::format_tag::any};
}

// Memory of `desc` filled with ones: denormal numbers and zeros might change the pace.
dnnl::memory ones(const dnnl::memory::desc& desc, const dnnl::engine& engine) {
  dnnl::memory memory(desc, engine);
  auto* values = static_cast<float*>(memory.get_data_handle());
  std::fill_n(values, desc.get_size() / sizeof(float), 1.0F);
  return memory;
}

double best_seconds() {
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  const Forward::desc wanted(
      dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct,
      any({images, channels, side, side}), any({channels, channels, kernel, kernel}),
      any({images, channels, side, side}), {1, 1}, {1, 1}, {1, 1});
  const Forward::primitive_desc desc(wanted, engine);
  const Forward convolution(desc);
  const std::unordered_map<int, dnnl::memory> arguments = {
      {DNNL_ARG_SRC, ones(desc.src_desc(), engine)},
      {DNNL_ARG_WEIGHTS, ones(desc.weights_desc(), engine)},
      {DNNL_ARG_DST, ones(desc.dst_desc(), engine)}};
  double best = std::numeric_limits<double>::infinity();
  for (int run = 0; run <= runs; ++run) {
    const Stopwatch watch;
    convolution.execute(stream, arguments);
    stream.wait();
    if (run > 0) best = std::min(best, watch.seconds());
  }
  return best;
}

}  // namespace

double cpu_peak_flops(int threads) {
  require(threads > 0, "threads must be positive", "cpu_peak_flops");
  omp_set_num_threads(threads);
  try {
    return flops / best_seconds();
  } catch (const dnnl::error& error) {
    throw internal_error(std::string("oneDNN: ") + error.what(), "cpu_peak_flops");
  }
}

}  // namespace podium::nn
