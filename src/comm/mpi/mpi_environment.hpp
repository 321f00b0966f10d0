// MpiEnvironment: the lifetime of MPI in this process, and the communicators made from it.
//
// MPI is started with MPI_THREAD_MULTIPLE, since a rank runs each of its roles in a thread of its
// own. Error handlers return, so that every call's code can be checked. Communicators are made
// collectively at the start and live until MPI_Finalize: no destructor communicates.
//
// The environment must be finished with finalize(), which all ranks reach together, or abort().
#pragma once

#include <memory>
#include <string>

#include "comm/communicator.hpp"
#include "core/error.hpp"

namespace podium::comm {

class MpiEnvironment {
 public:
  // Starts MPI. Throws unavailable_error if the library cannot serve several threads.
  MpiEnvironment();
  MpiEnvironment(const MpiEnvironment&) = delete;
  MpiEnvironment& operator=(const MpiEnvironment&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  // Ranks on this node, and which of them this one is.
  int node_ranks() const { return node_ranks_; }
  int node_rank() const { return node_rank_; }
  // Cores that this rank may use, and that the ranks on this node may use together: more, where the
  // launcher binds each rank to cores of its own.
  int cores() const { return cores_; }
  int node_cores() const { return node_cores_; }

  // A communicator of all ranks, under `name`. Collective.
  std::unique_ptr<Communicator> world(const std::string& name);
  // A communicator of the ranks that call with the same `colour` >= 0, in order of rank; null for
  // ranks that call with `colour` < 0. Collective over all ranks.
  std::unique_ptr<Communicator> split(const std::string& name, int colour);

  // Ends MPI. REQUIRES: all ranks call it and nothing is in flight.
  void finalize();

  // Ends the whole job on every rank at once, with `code`.
  [[noreturn]] static void abort(ExitCode code);

  // For instance "Open MPI v4.1.4".
  static std::string library_version();

 private:
  void look_at_node();

  int rank_ = 0;
  int size_ = 1;
  int node_ranks_ = 1;
  int node_rank_ = 0;
  int cores_ = 1;
  int node_cores_ = 1;
};

}  // namespace podium::comm
