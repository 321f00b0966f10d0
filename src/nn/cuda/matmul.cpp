#include "nn/cuda/matmul.hpp"

#include "core/error.hpp"

namespace podium::nn::cuda {
namespace {

constexpr size_t most_workspace_bytes = size_t{32} << 20;

cudaDataType data_type(NumberType type) {
  return type == NumberType::fp32 ? CUDA_R_32F : CUDA_R_16BF;
}

struct PreferenceTraits {
  using Value = cublasLtMatmulPreference_t;
  static Value null() noexcept { return nullptr; }
  static void close(Value preference) noexcept {
    warn_cublas(cublas_lt().preference_destroy(preference), "closing a preference of cuBLASLt");
  }
};

template <typename Value>
void set(cublasLtMatmulDesc_t desc, cublasLtMatmulDescAttributes_t name, const Value& value,
         const std::string& where) {
  check_cublas(cublas_lt().desc_set(desc, name, &value, sizeof value), "describing a product",
               where);
}

template <typename Value>
void set(cublasLtMatmulPreference_t preference, cublasLtMatmulPreferenceAttributes_t name,
         const Value& value, const std::string& where) {
  check_cublas(cublas_lt().preference_set(preference, name, &value, sizeof value),
               "describing a preference", where);
}

// A row-major [rows, columns] is a column-major [columns, rows].
Handle<MatrixLayoutTraits> layout(NumberType type, int64_t rows, int64_t columns,
                                  const std::string& where) {
  cublasLtMatrixLayout_t raw = nullptr;
  check_cublas(cublas_lt().layout_create(&raw, data_type(type), static_cast<uint64_t>(columns),
                                         static_cast<uint64_t>(rows), columns),
               "describing a matrix", where);
  return Handle<MatrixLayoutTraits>(raw);
}

cublasComputeType_t compute_type(const Context& context, NumberType factors) {
  if (factors == NumberType::bf16) return CUBLAS_COMPUTE_32F;
  return context.numerics.rounding == Rounding::fast ? CUBLAS_COMPUTE_32F_FAST_TF32
                                                     : CUBLAS_COMPUTE_32F;
}

Handle<PreferenceTraits> make_preference(const std::string& where) {
  cublasLtMatmulPreference_t raw = nullptr;
  check_cublas(cublas_lt().preference_create(&raw), "making a preference", where);
  Handle<PreferenceTraits> preference(raw);
  set(raw, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, most_workspace_bytes, where);
  constexpr uint32_t alignment = 16;
  for (const auto name :
       {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES}) {
    set(raw, name, alignment, where);
  }
  return preference;
}

Handle<MatmulDescTraits> make_desc(const Context& context, const MatmulShape& shape,
                                   const std::string& where) {
  cublasLtMatmulDesc_t raw = nullptr;
  check_cublas(cublas_lt().desc_create(&raw, compute_type(context, shape.factors), CUDA_R_32F),
               "describing a product", where);
  Handle<MatmulDescTraits> desc(raw);
  // (A B)^T = B^T A^T: column-major, our row-major matrices are their own transposes.
  const cublasOperation_t first = shape.transposed_b ? CUBLAS_OP_T : CUBLAS_OP_N;
  const cublasOperation_t second = shape.transposed_a ? CUBLAS_OP_T : CUBLAS_OP_N;
  set(raw, CUBLASLT_MATMUL_DESC_TRANSA, first, where);
  set(raw, CUBLASLT_MATMUL_DESC_TRANSB, second, where);
  if (shape.bias != nullptr) {
    require(shape.result == NumberType::fp32, "a bias of another type", where.c_str());
    const cublasLtEpilogue_t epilogue =
        shape.relu ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_BIAS;
    const void* bias = shape.bias;
    set(raw, CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue, where);
    set(raw, CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias, where);
  }
  return desc;
}

}  // namespace

void MatmulDescTraits::close(Value desc) noexcept {
  warn_cublas(cublas_lt().desc_destroy(desc), "closing a product of cuBLASLt");
}

void MatrixLayoutTraits::close(Value layout) noexcept {
  warn_cublas(cublas_lt().layout_destroy(layout), "closing a matrix of cuBLASLt");
}

Matmul::Matmul(Context& context, const MatmulShape& shape, std::string where)
    : where_(std::move(where)),
      desc_(make_desc(context, shape, where_)),
      first_(shape.transposed_b ? layout(shape.factors, shape.columns, shape.inner, where_)
                                : layout(shape.factors, shape.inner, shape.columns, where_)),
      second_(shape.transposed_a ? layout(shape.factors, shape.inner, shape.rows, where_)
                                 : layout(shape.factors, shape.rows, shape.inner, where_)),
      result_(layout(shape.result, shape.rows, shape.columns, where_)) {
  const Handle<PreferenceTraits> preference = make_preference(where_);
  cublasLtMatmulHeuristicResult_t best{};
  int found = 0;
  check_cublas(
      cublas_lt().algorithms(context.cublas.get(), desc_.get(), first_.get(), second_.get(),
                             result_.get(), result_.get(), preference.get(), 1, &best, &found),
      "choosing an algorithm", where_);
  if (found == 0) check_cublas(CUBLAS_STATUS_NOT_SUPPORTED, "choosing an algorithm", where_);
  check_cublas(best.state, "choosing an algorithm", where_);
  algorithm_ = best.algo;
  workspace_bytes_ = best.workspaceSize;
  context.workspace.reserve(workspace_bytes_);
}

void Matmul::run(const Context& context, const void* a, const void* b, void* d) const {
  const float one = 1.0F;
  const float zero = 0.0F;
  check_cublas(
      cublas_lt().matmul(context.cublas.get(), desc_.get(), &one, b, first_.get(), a, second_.get(),
                         &zero, d, result_.get(), d, result_.get(), &algorithm_,
                         context.workspace.data(), workspace_bytes_, context.stream.get()),
      "multiplying", where_);
}

}  // namespace podium::nn::cuda
