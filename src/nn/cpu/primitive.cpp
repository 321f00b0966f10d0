#include "nn/cpu/primitive.hpp"

#include <dnnl_debug.h>

#include <algorithm>

#include "core/error.hpp"

namespace podium::nn::cpu {

using Desc = dnnl::memory::desc;
using Tag = dnnl::memory::format_tag;

Context::Context(Numerics the_numerics) : numerics(the_numerics) {
  checked("engine", [&] {
    engine = dnnl::engine(dnnl::engine::kind::cpu, 0);
    stream = dnnl::stream(engine);
  });
}

void Context::reserve_scratchpad(size_t bytes) {
  const size_t floats = (bytes + sizeof(float) - 1) / sizeof(float);
  if (floats > scratchpad.size()) scratchpad = AlignedBuffer(floats);
}

void throw_dnnl_error(const dnnl::error& error, const std::string& name) {
  throw internal_error(
      std::string("oneDNN: ") + error.what() + ", status " + dnnl_status2str(error.status), name,
      "please report the architecture text and the batch size");
}

Desc activations(int batch, const ImageShape& shape, int block, DataType type) {
  require(block == 0 || block == 16, "activations in blocks of neither 0 nor 16", "oneDNN");
  return {{batch, shape.channels, shape.height, shape.width},
          type,
          block == 0 ? Tag::nhwc : Tag::nChw16c};
}

Desc planar(int batch, const ImageShape& shape, DataType type) {
  return {{batch, shape.channels, shape.height, shape.width}, type, Tag::nchw};
}

Desc matrix(int64_t rows, int64_t columns, DataType type) {
  return {{rows, columns}, type, Tag::ab};
}

Desc vector(int64_t count) {
  return {{count}, DataType::f32, Tag::a};
}

Desc any_layout(const Desc& plain, DataType type) {
  return {plain.dims(), type, Tag::any};
}

dnnl::memory view(const Context& context, const Desc& desc, const float* data) {
  return {desc, context.engine, const_cast<float*>(data)};
}

dnnl::primitive_attr attributes() {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attr;
}

dnnl::primitive_attr attributes_with(bool sum, bool relu) {
  dnnl::post_ops after;
  if (sum) after.append_sum(1.0F);
  if (relu) after.append_eltwise(1.0F, dnnl::algorithm::eltwise_relu, 0.0F, 0.0F);
  dnnl::primitive_attr attr = attributes();
  attr.set_post_ops(after);
  return attr;
}

void BoundPrimitive::bind(int argument, dnnl::memory memory) {
  arguments_.push_back({argument, memory.get()});
  memories_.push_back(std::move(memory));
}

void BoundPrimitive::bind_scratchpad(Context& context, const Desc& desc) {
  if (desc.get_size() == 0) return;
  context.reserve_scratchpad(desc.get_size());
  scratchpad_ = dnnl::memory(desc, context.engine, nullptr);
  bind(DNNL_ARG_SCRATCHPAD, scratchpad_);
}

void BoundPrimitive::run(Context& context) {
  checked(name_, [&] {
    if (scratchpad_) scratchpad_.set_data_handle(context.scratchpad.data());
    const dnnl_status_t status =
        dnnl_primitive_execute(primitive_.get(), context.stream.get(),
                               static_cast<int>(arguments_.size()), arguments_.data());
    dnnl::error::wrap_c_api(status, "could not execute a primitive");
  });
}

ReorderedBuffer::ReorderedBuffer(Context& context, const std::string& name, const Desc& given,
                                 const float* data, const Desc& wanted) {
  const dnnl::memory plain = view(context, given, data);
  if (given == wanted) {
    wanted_ = plain;
    return;
  }
  wanted_ = dnnl::memory(wanted, context.engine);
  const auto reorder = [&](const dnnl::memory& from, const dnnl::memory& to) {
    const dnnl::reorder::primitive_desc desc(context.engine, from.get_desc(), context.engine,
                                             to.get_desc(), attributes());
    BoundPrimitive bound(name + " (reorder)", dnnl::reorder(desc));
    bound.bind(DNNL_ARG_FROM, from);
    bound.bind(DNNL_ARG_TO, to);
    bound.bind_scratchpad(context, desc.scratchpad_desc());
    return bound;
  };
  load_ = reorder(plain, wanted_);
  store_ = reorder(wanted_, plain);
}

void ReorderedBuffer::refresh(Context& context) {
  if (load_) load_.run(context);
}

void ReorderedBuffer::flush(Context& context) {
  if (store_) store_.run(context);
}

}  // namespace podium::nn::cpu
