// The transport's own AllReduce, MPI_Allreduce over MPI: for libraries that know a network better.
// Before it ranks meet around a ring, so that different sums and absent ranks are told by name.
#pragma once

#include "comm/allreduce/algorithm.hpp"
#include "comm/allreduce/exchange.hpp"

namespace podium::comm {

class TransportSum : public SumAlgorithm {
 public:
  const char* name() const override { return "mpi"; }
  void run(const Sum& sum, Watch& watch) override;

 private:
  Introduction introduction_;
};

}  // namespace podium::comm
