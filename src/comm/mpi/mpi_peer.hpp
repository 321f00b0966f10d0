// MpiPeer: MPI_Allreduce as a benchmark compares with it: as the library chooses, and held to each
// of the algorithms that Open MPI's `coll_tuned` has, through MPI's tool interface, in one job.
//
// Open MPI looks at the choice when a communicator is made, and only if
// OMPI_MCA_coll_tuned_use_dynamic_rules=1 stood in the environment when MPI started.
#pragma once

#include <mpi.h>

#include <string>
#include <vector>

#include "comm/elements.hpp"

namespace podium::comm {

class MpiPeer {
 public:
  // One way to sum; the first is the library's own choice.
  struct Way {
    std::string name;
    MPI_Comm comm;  // lives until MPI_Finalize
  };

  // To be called before MPI starts, if there is to be more than one way.
  static void allow_choice();

  // Collective over all ranks.
  MpiPeer();

  const std::vector<Way>& ways() const { return ways_; }
  void sum(const Way& way, const Elements& values) const;
  void sum(const Way& way, const std::byte* in, const Elements& out) const;

 private:
  std::vector<Way> ways_;
};

}  // namespace podium::comm
