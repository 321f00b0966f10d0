#include "nn/cuda/cublas_lt.hpp"

#include <dlfcn.h>

#include "core/error.hpp"
#include "core/log.hpp"

namespace podium::nn::cuda {
namespace {

const std::string library_name = "libcublasLt.so." + std::to_string(CUBLAS_VER_MAJOR);

[[noreturn]] void throw_not_loaded() {
  const char* reason = dlerror();
  throw unavailable_error(
      "cuBLASLt cannot be loaded: " + std::string(reason == nullptr ? "no reason given" : reason),
      library_name, "install CUDA's libraries, set LD_LIBRARY_PATH, or use --device=cpu");
}

template <typename Function>
void find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (function == nullptr) throw_not_loaded();
}

CublasLtLibrary load() {
  void* library = dlopen(library_name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw_not_loaded();
  CublasLtLibrary found{};
  find(library, "cublasLtCreate", found.create);
  find(library, "cublasLtDestroy", found.destroy);
  find(library, "cublasLtGetStatusString", found.status_string);
  find(library, "cublasLtMatmul", found.matmul);
  find(library, "cublasLtMatmulAlgoGetHeuristic", found.algorithms);
  find(library, "cublasLtMatmulDescCreate", found.desc_create);
  find(library, "cublasLtMatmulDescDestroy", found.desc_destroy);
  find(library, "cublasLtMatmulDescSetAttribute", found.desc_set);
  find(library, "cublasLtMatrixLayoutCreate", found.layout_create);
  find(library, "cublasLtMatrixLayoutDestroy", found.layout_destroy);
  find(library, "cublasLtMatmulPreferenceCreate", found.preference_create);
  find(library, "cublasLtMatmulPreferenceDestroy", found.preference_destroy);
  find(library, "cublasLtMatmulPreferenceSetAttribute", found.preference_set);
  return found;
}

}  // namespace

const CublasLtLibrary& cublas_lt() {
  static const CublasLtLibrary library = load();
  return library;
}

void CublasLtTraits::close(Value handle) noexcept {
  warn_cublas(cublas_lt().destroy(handle), "closing cuBLASLt");
}

CublasLt make_cublas() {
  cublasLtHandle_t handle = nullptr;
  check_cublas(cublas_lt().create(&handle), "starting", "GPU");
  return CublasLt(handle);
}

void check_cublas(cublasStatus_t status, const char* what, const std::string& where) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  const std::string text =
      std::string("cuBLASLt: ") + what + ": " + cublas_lt().status_string(status);
  if (status == CUBLAS_STATUS_ALLOC_FAILED || status == CUBLAS_STATUS_NOT_INITIALIZED) {
    throw unavailable_error(text, where, "use a smaller batch or a narrower network");
  }
  throw internal_error(text, where, "please report the architecture text and the batch size");
}

void warn_cublas(cublasStatus_t status, const char* what) noexcept {
  if (status != CUBLAS_STATUS_SUCCESS) {
    warn_in_destructor(what, cublas_lt().status_string(status));
  }
}

}  // namespace podium::nn::cuda
