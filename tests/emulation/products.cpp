// Stands in for src/nn/cuda/cublas_lt.cpp and cuBLASLt behind it: products by plain loops, summed
// in double precision. Shapes that do not fit have no algorithm.
#include "core/error.hpp"
#include "emulation/numbers.hpp"
#include "nn/cuda/cublas_lt.hpp"

namespace {

// The rows and columns of a factor as the product takes it.
uint64_t rows(const EmulatedMatrix& matrix, cublasOperation_t operation) {
  return operation == CUBLAS_OP_N ? matrix.rows : matrix.columns;
}
uint64_t columns(const EmulatedMatrix& matrix, cublasOperation_t operation) {
  return operation == CUBLAS_OP_N ? matrix.columns : matrix.rows;
}

bool fits(const EmulatedProduct& product, const EmulatedMatrix& a, const EmulatedMatrix& b,
          const EmulatedMatrix& d) {
  for (const EmulatedMatrix* matrix : {&a, &b, &d}) {
    if (matrix->stride < static_cast<int64_t>(matrix->rows)) return false;
  }
  return columns(a, product.first) == rows(b, product.second) && rows(a, product.first) == d.rows &&
         columns(b, product.second) == d.columns;
}

double factor(const EmulatedMatrix& matrix, cublasOperation_t operation, const void* numbers,
              uint64_t row, uint64_t column) {
  if (operation == CUBLAS_OP_T) std::swap(row, column);
  return emulated::read(matrix.type == CUDA_R_32F, numbers,
                        row + column * static_cast<uint64_t>(matrix.stride));
}

struct Product {
  EmulatedProduct how;
  EmulatedMatrix a;
  EmulatedMatrix b;
  EmulatedMatrix d;
  const void* a_numbers;
  const void* b_numbers;
  void* d_numbers;

  double element(uint64_t row, uint64_t column) const {
    double sum = 0;
    for (uint64_t k = 0; k < columns(a, how.first); ++k) {
      sum += factor(a, how.first, a_numbers, row, k) * factor(b, how.second, b_numbers, k, column);
    }
    if (how.epilogue != CUBLASLT_EPILOGUE_DEFAULT) {
      sum += static_cast<const float*>(how.bias)[row];
    }
    return how.epilogue == CUBLASLT_EPILOGUE_RELU_BIAS && !(sum > 0) ? 0 : sum;
  }

  void operator()() const {
    for (uint64_t column = 0; column < d.columns; ++column) {
      for (uint64_t row = 0; row < d.rows; ++row) {
        emulated::write(d.type == CUDA_R_32F, d_numbers,
                        row + column * static_cast<uint64_t>(d.stride),
                        static_cast<float>(element(row, column)));
      }
    }
  }
};

template <typename T>
cublasStatus_t destroy(T* made) {
  delete made;
  return CUBLAS_STATUS_SUCCESS;
}

template <typename T>
cublasStatus_t assign(T& attribute, const void* value, size_t bytes) {
  if (bytes != sizeof attribute) return CUBLAS_STATUS_INVALID_VALUE;
  std::memcpy(&attribute, value, bytes);
  return CUBLAS_STATUS_SUCCESS;
}

}  // namespace

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  *handle = new EmulatedLibrary;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  return destroy(handle);
}

const char* cublasLtGetStatusString(cublasStatus_t status) {
  return status == CUBLAS_STATUS_SUCCESS ? "success" : "refused by the emulated cuBLASLt";
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t product, const void*,
                              const void* a, cublasLtMatrixLayout_t a_layout, const void* b,
                              cublasLtMatrixLayout_t b_layout, const void*, const void*,
                              cublasLtMatrixLayout_t, void* d, cublasLtMatrixLayout_t d_layout,
                              const cublasLtMatmulAlgo_t*, void*, size_t, cudaStream_t) {
  if (!fits(*product, *a_layout, *b_layout, *d_layout)) return CUBLAS_STATUS_INVALID_VALUE;
  emulated::submit(Product{*product, *a_layout, *b_layout, *d_layout, a, b, d});
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t product,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t, int,
                                              cublasLtMatmulHeuristicResult_t* result, int* found) {
  *found = fits(*product, *a, *b, *d) ? 1 : 0;
  *result = {{0}, 1024, CUBLAS_STATUS_SUCCESS};
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* product, cublasComputeType_t,
                                        cudaDataType) {
  *product = new EmulatedProduct;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t product) {
  return destroy(product);
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t product,
                                              cublasLtMatmulDescAttributes_t name,
                                              const void* value, size_t bytes) {
  switch (name) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
      return assign(product->first, value, bytes);
    case CUBLASLT_MATMUL_DESC_TRANSB:
      return assign(product->second, value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
      return assign(product->epilogue, value, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
      return assign(product->bias, value, bytes);
  }
  return CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType type,
                                          uint64_t rows, uint64_t columns, int64_t stride) {
  *layout = new EmulatedMatrix{type, rows, columns, stride};
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  return destroy(layout);
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
  *preference = new EmulatedPreference;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  return destroy(preference);
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t,
                                                    cublasLtMatmulPreferenceAttributes_t,
                                                    const void*, size_t) {
  return CUBLAS_STATUS_SUCCESS;
}

namespace podium::nn::cuda {

const CublasLtLibrary& cublas_lt() {
  static const CublasLtLibrary library = {cublasLtCreate,
                                          cublasLtDestroy,
                                          cublasLtGetStatusString,
                                          cublasLtMatmul,
                                          cublasLtMatmulAlgoGetHeuristic,
                                          cublasLtMatmulDescCreate,
                                          cublasLtMatmulDescDestroy,
                                          cublasLtMatmulDescSetAttribute,
                                          cublasLtMatrixLayoutCreate,
                                          cublasLtMatrixLayoutDestroy,
                                          cublasLtMatmulPreferenceCreate,
                                          cublasLtMatmulPreferenceDestroy,
                                          cublasLtMatmulPreferenceSetAttribute};
  return library;
}

void CublasLtTraits::close(Value handle) noexcept {
  cublasLtDestroy(handle);
}

CublasLt make_cublas() {
  return CublasLt(new EmulatedLibrary);
}

void check_cublas(cublasStatus_t status, const char* what, const std::string& where) {
  if (status != CUBLAS_STATUS_SUCCESS) {
    throw internal_error(std::string(what) + ": " + cublasLtGetStatusString(status), where);
  }
}

void warn_cublas(cublasStatus_t, const char*) noexcept {}

}  // namespace podium::nn::cuda
