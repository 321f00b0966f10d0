#include "comm/mpi/mpi_environment.hpp"

#include <mpi.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "comm/mpi/mpi_check.hpp"
#include "comm/mpi/mpi_communicator.hpp"

namespace podium::comm {
namespace {

// What the launcher's binding and cgroups leave this process; none if there are too many to tell.
cpu_set_t own_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) CPU_ZERO(&set);
  return set;
}

}  // namespace

MpiEnvironment::MpiEnvironment() {
  int provided = MPI_THREAD_SINGLE;
  check_mpi(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_MULTIPLE, &provided), "MPI_Init_thread");
  check_mpi(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  check_mpi(MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  if (provided < MPI_THREAD_MULTIPLE) {
    throw unavailable_error("this MPI library does not serve several threads", library_version(),
                            "use a build with MPI_THREAD_MULTIPLE");
  }
  check_mpi(MPI_Comm_rank(MPI_COMM_WORLD, &rank_), "MPI_Comm_rank");
  check_mpi(MPI_Comm_size(MPI_COMM_WORLD, &size_), "MPI_Comm_size");
  look_at_node();
}

void MpiEnvironment::look_at_node() {
  MPI_Comm node = MPI_COMM_NULL;
  check_mpi(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node),
            "MPI_Comm_split_type");
  check_mpi(MPI_Comm_size(node, &node_ranks_), "MPI_Comm_size");
  check_mpi(MPI_Comm_rank(node, &node_rank_), "MPI_Comm_rank");
  cpu_set_t cores = own_cores();
  cores_ = std::max(1, CPU_COUNT(&cores));
  check_mpi(MPI_Allreduce(MPI_IN_PLACE, &cores, sizeof cores, MPI_BYTE, MPI_BOR, node),
            "MPI_Allreduce");
  node_cores_ = std::max(1, CPU_COUNT(&cores));
  check_mpi(MPI_Comm_free(&node), "MPI_Comm_free");
}

std::unique_ptr<Communicator> MpiEnvironment::world(const std::string& name) {
  return split(name, 0);
}

std::unique_ptr<Communicator> MpiEnvironment::split(const std::string& name, int colour) {
  MPI_Comm comm = MPI_COMM_NULL;
  check_mpi(MPI_Comm_split(MPI_COMM_WORLD, colour < 0 ? MPI_UNDEFINED : colour, 0, &comm),
            "MPI_Comm_split");
  if (comm == MPI_COMM_NULL) return nullptr;
  check_mpi(MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  return std::make_unique<MpiCommunicator>(name, comm);
}

void MpiEnvironment::finalize() {
  check_mpi(MPI_Finalize(), "MPI_Finalize");
}

void MpiEnvironment::abort(ExitCode code) {
  MPI_Abort(MPI_COMM_WORLD, static_cast<int>(code));
  std::_Exit(static_cast<int>(code));
}

std::string MpiEnvironment::library_version() {
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
  int length = 0;
  check_mpi(MPI_Get_library_version(text.data(), &length), "MPI_Get_library_version");
  const std::string version(text.data());
  return version.substr(0, version.find(','));
}

}  // namespace podium::comm
