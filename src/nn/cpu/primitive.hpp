// oneDNN made plain: an engine with its stream and scratchpad, and a primitive bound to its memory.
//
// oneDNN's exceptions and statuses become internal_error naming the layer. Scratch memory is one
// buffer for all primitives of a backend, since they run one after the other.
#pragma once

#include <dnnl.hpp>
#include <string>
#include <vector>

#include "nn/aligned_buffer.hpp"
#include "nn/image_shape.hpp"
#include "nn/numerics.hpp"

namespace podium::nn::cpu {

using DataType = dnnl::memory::data_type;

struct Context {
  dnnl::engine engine;
  dnnl::stream stream;
  AlignedBuffer scratchpad;
  Numerics numerics;

  explicit Context(Numerics numerics);
  // Makes the scratchpad at least `bytes` large.
  void reserve_scratchpad(size_t bytes);
};

// Runs `make`, turning oneDNN's exceptions into internal_error(name).
template <typename Make>
auto checked(const std::string& name, Make make);

[[noreturn]] void throw_dnnl_error(const dnnl::error& error, const std::string& name);

// Descriptors of plain layouts; matrices are row-major.
// Activations [N,C,H,W], in blocks of `block` channels (16) or, for 0, as NHWC.
dnnl::memory::desc activations(int batch, const ImageShape& shape, int block,
                               DataType type = DataType::f32);
dnnl::memory::desc planar(int batch, const ImageShape& shape, DataType type);  // NCHW
dnnl::memory::desc matrix(int64_t rows, int64_t columns, DataType type = DataType::f32);
dnnl::memory::desc vector(int64_t count);
// oneDNN picks the layout.
dnnl::memory::desc any_layout(const dnnl::memory::desc& plain, DataType type = DataType::f32);

// A view of floats as oneDNN memory. `data` may be const: oneDNN does not say which it writes.
dnnl::memory view(const Context& context, const dnnl::memory::desc& desc, const float* data);

// Attributes every primitive here uses: the scratchpad is ours.
dnnl::primitive_attr attributes();
// The same for result = computed + result, if `sum`, and then max(result, 0), if `relu`.
dnnl::primitive_attr attributes_with(bool sum, bool relu);

// One primitive with its arguments, ready to run any number of times.
class BoundPrimitive {
 public:
  BoundPrimitive() = default;
  BoundPrimitive(std::string name, dnnl::primitive primitive)
      : name_(std::move(name)), primitive_(std::move(primitive)) {}

  void bind(int argument, dnnl::memory memory);
  // Binds scratch memory of `desc`'s size, taken from `context` when run.
  void bind_scratchpad(Context& context, const dnnl::memory::desc& desc);
  void run(Context& context);
  explicit operator bool() const { return static_cast<bool>(primitive_); }

 private:
  std::string name_;
  dnnl::primitive primitive_;
  std::vector<dnnl::memory> memories_;
  std::vector<dnnl_exec_arg_t> arguments_;
  dnnl::memory scratchpad_;
};

// Floats of one layout, seen in the layout and type that a primitive wants. Where both are the same
// there is no copy; otherwise refresh() or flush() reorders.
class ReorderedBuffer {
 public:
  ReorderedBuffer() = default;
  ReorderedBuffer(Context& context, const std::string& name, const dnnl::memory::desc& given,
                  const float* data, const dnnl::memory::desc& wanted);

  const dnnl::memory& memory() const { return wanted_; }
  void refresh(Context& context);  // given -> wanted
  void flush(Context& context);    // wanted -> given

 private:
  dnnl::memory wanted_;
  BoundPrimitive load_;
  BoundPrimitive store_;
};

template <typename Make>
auto checked(const std::string& name, Make make) {
  try {
    return make();
  } catch (const dnnl::error& error) {
    throw_dnnl_error(error, name);
  }
}

}  // namespace podium::nn::cpu
