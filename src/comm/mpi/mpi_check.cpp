#include "comm/mpi/mpi_check.hpp"

#include <mpi.h>

#include <array>

#include "core/error.hpp"

namespace podium::comm {

void check_mpi(int code, const char* call) {
  if (code == MPI_SUCCESS) return;
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  MPI_Error_string(code, text.data(), &length);
  throw internal_error(std::string(call) + " failed: " + text.data(), "MPI");
}

}  // namespace podium::comm
