#include "comm/mpi/mpi_peer.hpp"

#include <array>
#include <climits>
#include <cstdlib>

#include "comm/mpi/mpi_check.hpp"
#include "core/error.hpp"

namespace podium::comm {
namespace {

constexpr const char* dynamic_rules = "OMPI_MCA_coll_tuned_use_dynamic_rules";
// By Open MPI's numbers, from 1; the last is in use though `ompi_info` does not list it.
constexpr std::array algorithm_names = {"linear", "reduce+bcast", "doubling",
                                        "ring",   "segmented",    "rabenseifner"};

MPI_Comm fresh_communicator() {
  MPI_Comm comm = MPI_COMM_NULL;
  check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &comm), "MPI_Comm_dup");
  check_mpi(MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  return comm;
}

MPI_Datatype type_of(const Elements& values) {
  return values.type == ElementType::f32 ? MPI_FLOAT : MPI_DOUBLE;
}

int count_of(const Elements& values) {
  require(values.count <= INT_MAX, "more than 2^31 elements in one call", "MPI_Allreduce");
  return static_cast<int>(values.count);
}

}  // namespace

void MpiPeer::allow_choice() {
  ::setenv(dynamic_rules, "1", 0);
}

MpiPeer::MpiPeer() {
  ways_.push_back({"default", fresh_communicator()});
  const char* rules = std::getenv(dynamic_rules);
  int provided = 0;
  int index = 0;
  int count = 0;
  MPI_T_cvar_handle variable = nullptr;
  if (rules == nullptr || *rules != '1') return;
  if (MPI_T_init_thread(MPI_THREAD_MULTIPLE, &provided) != MPI_SUCCESS) return;
  if (MPI_T_cvar_get_index("coll_tuned_allreduce_algorithm", &index) == MPI_SUCCESS &&
      MPI_T_cvar_handle_alloc(index, nullptr, &variable, &count) == MPI_SUCCESS) {
    for (size_t i = 0; i < algorithm_names.size(); ++i) {
      const int number = static_cast<int>(i) + 1;
      if (MPI_T_cvar_write(variable, &number) != MPI_SUCCESS) break;
      ways_.push_back({algorithm_names[i], fresh_communicator()});
    }
    const int none = 0;
    MPI_T_cvar_write(variable, &none);
    MPI_T_cvar_handle_free(&variable);
  }
  MPI_T_finalize();
}

void MpiPeer::sum(const Way& way, const Elements& values) const {
  check_mpi(MPI_Allreduce(MPI_IN_PLACE, values.data, count_of(values), type_of(values), MPI_SUM,
                          way.comm),
            "MPI_Allreduce");
}

void MpiPeer::sum(const Way& way, const std::byte* in, const Elements& out) const {
  check_mpi(MPI_Allreduce(in, out.data, count_of(out), type_of(out), MPI_SUM, way.comm),
            "MPI_Allreduce");
}

}  // namespace podium::comm
