// The throwing check of MPI's return codes. Works because every communicator's handler returns.
#pragma once

namespace podium::comm {

// Throws internal_error with MPI's own words when `code` is not MPI_SUCCESS.
void check_mpi(int code, const char* call);

}  // namespace podium::comm
