#include "nn/cuda/convolution_graph.hpp"

#include <array>

namespace podium::nn::cuda {
namespace {

using Dims = std::array<int64_t, 4>;  // in cuDNN's order: N C H W, O I H W

// The strides of a tensor whose channels lie innermost.
Dims channels_last(const Dims& dims) {
  return {dims[1] * dims[2] * dims[3], 1, dims[1] * dims[3], dims[1]};
}

// What our buffers are aligned to at least: places in the arena and in weight copies.
constexpr int64_t alignment_bytes = 16;

class GraphMaker {
 public:
  GraphMaker(const ConvolutionShape& shape, const std::string& where)
      : shape_(shape), where_(where) {}

  Descriptor input() const {
    return tensor(kInput,
                  {shape_.batch, shape_.input.channels, shape_.input.height, shape_.input.width});
  }
  Descriptor filter() const {
    return tensor(kFilter, {shape_.output.channels, shape_.input.channels, shape_.kernel_height,
                            shape_.kernel_width});
  }
  Descriptor like_output(int64_t number, bool is_virtual = false) const {
    return tensor(number,
                  {shape_.batch, shape_.output.channels, shape_.output.height, shape_.output.width},
                  is_virtual);
  }
  // fp32 [O].
  Descriptor channels(int64_t number) const {
    return tensor(number, {1, shape_.output.channels, 1, 1}, false, CUDNN_DATA_FLOAT);
  }

  Descriptor convolution() const {
    Descriptor convolution(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, where_);
    const cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
    const std::array<int64_t, 2> padding = {shape_.kernel_height / 2, shape_.kernel_width / 2};
    const std::array<int64_t, 2> strides = {shape_.stride, shape_.stride};
    const std::array<int64_t, 2> dilations = {1, 1};
    convolution.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_DATA_FLOAT);
    convolution.set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode);
    convolution.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, int64_t{2});
    set_pair(convolution, CUDNN_ATTR_CONVOLUTION_DILATIONS, dilations);
    set_pair(convolution, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, strides);
    set_pair(convolution, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, padding);
    set_pair(convolution, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, padding);
    convolution.finalise();
    return convolution;
  }

  // y = a + b, or y = max(a, 0) when `b` is null.
  Descriptor pointwise(const Descriptor& a, const Descriptor* b, const Descriptor& y) const {
    Descriptor kind(CUDNN_BACKEND_POINTWISE_DESCRIPTOR, where_);
    const cudnnPointwiseMode_t mode = b == nullptr ? CUDNN_POINTWISE_RELU_FWD : CUDNN_POINTWISE_ADD;
    kind.set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, &mode);
    kind.set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_DATA_FLOAT);
    kind.finalise();
    Descriptor operation(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, where_);
    operation.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, kind);
    operation.set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, a);
    if (b != nullptr) operation.set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, *b);
    operation.set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y);
    operation.finalise();
    return operation;
  }

  // The sums of x and of its squares.
  Descriptor moments(const Descriptor& x, const Descriptor& sums, const Descriptor& squares) const {
    Descriptor operation(CUDNN_BACKEND_OPERATION_GEN_STATS_DESCRIPTOR, where_);
    const cudnnGenStatsMode_t mode = CUDNN_GENSTATS_SUM_SQSUM;
    operation.set(CUDNN_ATTR_OPERATION_GENSTATS_MODE, CUDNN_TYPE_GENSTATS_MODE, 1, &mode);
    operation.set(CUDNN_ATTR_OPERATION_GENSTATS_MATH_PREC, CUDNN_DATA_FLOAT);
    operation.set(CUDNN_ATTR_OPERATION_GENSTATS_XDESC, x);
    operation.set(CUDNN_ATTR_OPERATION_GENSTATS_SUMDESC, sums);
    operation.set(CUDNN_ATTR_OPERATION_GENSTATS_SQSUMDESC, squares);
    operation.finalise();
    return operation;
  }

 private:
  static void set_pair(Descriptor& descriptor, cudnnBackendAttributeName_t name,
                       const std::array<int64_t, 2>& pair) {
    descriptor.set(name, CUDNN_TYPE_INT64, 2, pair.data());
  }

  cudnnDataType_t type() const {
    return shape_.type == NumberType::fp32 ? CUDNN_DATA_FLOAT : CUDNN_DATA_BFLOAT16;
  }

  Descriptor tensor(int64_t number, const Dims& dims, bool is_virtual = false) const {
    return tensor(number, dims, is_virtual, is_virtual ? CUDNN_DATA_FLOAT : type());
  }

  Descriptor tensor(int64_t number, const Dims& dims, bool is_virtual,
                    cudnnDataType_t data_type) const {
    const Dims strides = channels_last(dims);
    Descriptor tensor(CUDNN_BACKEND_TENSOR_DESCRIPTOR, where_);
    tensor.set(CUDNN_ATTR_TENSOR_DATA_TYPE, data_type);
    tensor.set(CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, dims.data());
    tensor.set(CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, strides.data());
    tensor.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, number);
    tensor.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, alignment_bytes);
    tensor.set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, is_virtual);
    tensor.finalise();
    return tensor;
  }

  const ConvolutionShape& shape_;
  const std::string& where_;
};

// The names of the attributes of the three convolution operations.
struct Names {
  cudnnBackendDescriptorType_t type;
  cudnnBackendAttributeName_t convolution;
  cudnnBackendAttributeName_t input;
  cudnnBackendAttributeName_t filter;
  cudnnBackendAttributeName_t output;
  cudnnBackendAttributeName_t alpha;
  cudnnBackendAttributeName_t beta;
};

constexpr Names forward_names = {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
                                 CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
                                 CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
                                 CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
                                 CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
                                 CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
                                 CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA};
constexpr Names data_names = {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
                              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
                              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
                              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
                              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
                              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
                              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA};
constexpr Names filter_names = {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
                                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
                                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
                                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
                                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
                                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
                                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA};

Descriptor operation(const Names& names, const Descriptor& convolution, const Descriptor& input,
                     const Descriptor& filter, const Descriptor& output, const std::string& where) {
  Descriptor operation(names.type, where);
  const float one = 1.0F;
  const float zero = 0.0F;
  operation.set(names.convolution, convolution);
  operation.set(names.input, input);
  operation.set(names.filter, filter);
  operation.set(names.output, output);
  operation.set(names.alpha, CUDNN_TYPE_FLOAT, 1, &one);
  operation.set(names.beta, CUDNN_TYPE_FLOAT, 1, &zero);
  operation.finalise();
  return operation;
}

// One convolution alone.
Plan plan_single(const Names& names, const PlanTarget& target, const ConvolutionShape& shape,
                 Rounding rounding, const std::string& where) {
  const GraphMaker maker(shape, where);
  const Descriptor convolution = maker.convolution();
  const Descriptor input = maker.input();
  const Descriptor filter = maker.filter();
  const Descriptor output = maker.like_output(kOutput);
  std::vector<Descriptor> operations;
  operations.push_back(operation(names, convolution, input, filter, output, where));
  const Descriptor graph = make_operation_graph(target, operations, where);
  return find_plan(target, graph, rounding, shape.type == NumberType::fp32, where);
}

// A forward convolution and the moments of its output.
Plan plan_with_moments(const PlanTarget& target, const ConvolutionShape& shape, Rounding rounding,
                       const std::string& where) {
  const GraphMaker maker(shape, where);
  const Descriptor convolution = maker.convolution();
  const Descriptor input = maker.input();
  const Descriptor filter = maker.filter();
  const Descriptor output = maker.like_output(kOutput);
  const Descriptor sums = maker.channels(kSums);
  const Descriptor squares = maker.channels(kSquares);
  std::vector<Descriptor> operations;
  operations.push_back(operation(forward_names, convolution, input, filter, output, where));
  operations.push_back(maker.moments(output, sums, squares));
  const Descriptor graph = make_operation_graph(target, operations, where);
  return find_plan(target, graph, rounding, shape.type == NumberType::fp32, where);
}

}  // namespace

Plan plan_forward(const PlanTarget& target, const ConvolutionShape& shape, const Epilogue& epilogue,
                  Rounding rounding, const std::string& where) {
  if (!epilogue.any()) return plan_single(forward_names, target, shape, rounding, where);
  if (epilogue.moments) return plan_with_moments(target, shape, rounding, where);
  constexpr int64_t first_virtual = 100;
  const GraphMaker maker(shape, where);
  const int stages = int{epilogue.bias} + int{epilogue.relu};
  std::vector<Descriptor> values;  // what the convolution and each stage make
  for (int i = 0; i < stages; ++i) values.push_back(maker.like_output(first_virtual + i, true));
  values.push_back(maker.like_output(kOutput));

  const Descriptor convolution = maker.convolution();
  const Descriptor input = maker.input();
  const Descriptor filter = maker.filter();
  const Descriptor bias = maker.channels(kBias);
  std::vector<Descriptor> operations;
  operations.push_back(operation(forward_names, convolution, input, filter, values[0], where));
  size_t made = 0;
  const auto add_stage = [&](const Descriptor* addend) {
    operations.push_back(maker.pointwise(values[made], addend, values[made + 1]));
    ++made;
  };
  if (epilogue.bias) add_stage(&bias);
  if (epilogue.relu) add_stage(nullptr);
  const Descriptor graph = make_operation_graph(target, operations, where);
  return find_plan(target, graph, rounding, shape.type == NumberType::fp32, where);
}

Plan plan_backward_data(const PlanTarget& target, const ConvolutionShape& shape, Rounding rounding,
                        const std::string& where) {
  return plan_single(data_names, target, shape, rounding, where);
}

Plan plan_backward_filter(const PlanTarget& target, const ConvolutionShape& shape,
                          Rounding rounding, const std::string& where) {
  return plan_single(filter_names, target, shape, rounding, where);
}

}  // namespace podium::nn::cuda
