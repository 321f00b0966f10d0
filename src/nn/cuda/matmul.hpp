// Products of matrices by cuBLASLt, planned once. Matrices are row-major, as everywhere here:
//
//   D [rows, columns] = A [rows, inner] * B [inner, columns]   (+ bias [columns], then a ReLU)
//
// either factor may be stored transposed. Memory is aligned to 16 bytes. The algorithm is the first
// by cuBLASLt's heuristics; equal inputs give equal bits.
#pragma once

#include <string>

#include "core/handle.hpp"
#include "nn/cuda/context.hpp"

namespace podium::nn::cuda {

struct MatmulShape {
  int64_t rows = 0;
  int64_t columns = 0;
  int64_t inner = 0;
  bool transposed_a = false;  // stored [inner, rows]
  bool transposed_b = false;  // stored [columns, inner]
  NumberType factors = NumberType::fp32;
  NumberType result = NumberType::fp32;
  const float* bias = nullptr;  // fp32 results only
  bool relu = false;            // with a bias
};

struct MatmulDescTraits {
  using Value = cublasLtMatmulDesc_t;
  static Value null() noexcept { return nullptr; }
  static void close(Value desc) noexcept;
};

struct MatrixLayoutTraits {
  using Value = cublasLtMatrixLayout_t;
  static Value null() noexcept { return nullptr; }
  static void close(Value layout) noexcept;
};

class Matmul {
 public:
  Matmul() = default;
  // Throws internal_error naming `where` when cuBLASLt has no algorithm.
  Matmul(Context& context, const MatmulShape& shape, std::string where);

  void run(const Context& context, const void* a, const void* b, void* d) const;

 private:
  using Layout = Handle<MatrixLayoutTraits>;

  std::string where_;
  Handle<MatmulDescTraits> desc_;
  // As cuBLASLt sees them, column-major: the first factor is our B, the second our A.
  Layout first_;
  Layout second_;
  Layout result_;
  cublasLtMatmulAlgo_t algorithm_{};
  size_t workspace_bytes_ = 0;
};

}  // namespace podium::nn::cuda
