// The MPI backend: a Communicator over one MPI_Comm, by non-blocking point-to-point calls only.
#pragma once

#include <mpi.h>

#include "comm/communicator.hpp"

namespace podium::comm {

class MpiCommunicator : public Communicator {
 public:
  // A view of `comm`, whose error handler must return; MPI_Finalize releases it.
  MpiCommunicator(std::string name, MPI_Comm comm);

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  Request isend(std::span<const std::byte> bytes, int to, int tag) override;
  Request irecv(std::span<std::byte> bytes, int from, int tag) override;
  std::optional<Envelope> probe(int from, int tag) override;

 private:
  MPI_Comm comm_;
  int rank_ = 0;
  int size_ = 1;
};

}  // namespace podium::comm
