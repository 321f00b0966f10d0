// cuBLASLt, loaded when the first backend for a GPU is made: half a gigabyte that every start of
// the executable would otherwise wait for, --help included. Its functions under their own names,
// without the prefix.
#pragma once

#include <cublasLt.h>

#include <string>

#include "core/handle.hpp"

namespace podium::nn::cuda {

struct CublasLtLibrary {
  decltype(&cublasLtCreate) create;
  decltype(&cublasLtDestroy) destroy;
  decltype(&cublasLtGetStatusString) status_string;
  decltype(&cublasLtMatmul) matmul;
  decltype(&cublasLtMatmulAlgoGetHeuristic) algorithms;
  decltype(&cublasLtMatmulDescCreate) desc_create;
  decltype(&cublasLtMatmulDescDestroy) desc_destroy;
  decltype(&cublasLtMatmulDescSetAttribute) desc_set;
  decltype(&cublasLtMatrixLayoutCreate) layout_create;
  decltype(&cublasLtMatrixLayoutDestroy) layout_destroy;
  decltype(&cublasLtMatmulPreferenceCreate) preference_create;
  decltype(&cublasLtMatmulPreferenceDestroy) preference_destroy;
  decltype(&cublasLtMatmulPreferenceSetAttribute) preference_set;
};

// Loaded once, for the life of the process, and constant from then on. Throws unavailable_error
// when the library is not found or is another version.
const CublasLtLibrary& cublas_lt();

struct CublasLtTraits {
  using Value = cublasLtHandle_t;
  static Value null() noexcept { return nullptr; }
  static void close(Value handle) noexcept;
};
using CublasLt = Handle<CublasLtTraits>;

CublasLt make_cublas();

// Throws internal_error naming `where`, unless `status` is success; unavailable_error where the GPU
// lacks memory.
void check_cublas(cublasStatus_t status, const char* what, const std::string& where);
// The same for destructors: says so.
void warn_cublas(cublasStatus_t status, const char* what) noexcept;

}  // namespace podium::nn::cuda
