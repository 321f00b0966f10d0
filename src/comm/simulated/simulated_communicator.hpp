// The communicator seam over SMPI: ranks are coroutines of one process, and time is simulated
// (Degomme et al. 2017, "Simulating MPI applications: the SMPI approach").
//
// Polling would cost simulated time and give the simulator no rest: a rank that waits sleeps in
// await_progress() until one of its own transfers is done; Watch calls it (set_give_way).
#pragma once

#include <mpi.h>

#include <memory>
#include <optional>

#include "comm/communicator.hpp"

namespace podium::comm {

class SimulatedCommunicator : public Communicator {
 public:
  // `comm` outlives the object.
  SimulatedCommunicator(std::string name, MPI_Comm comm);
  ~SimulatedCommunicator() override;

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  Request isend(std::span<const std::byte> bytes, int to, int tag) override;
  Request irecv(std::span<std::byte> bytes, int from, int tag) override;
  Request irecv_up_to(std::span<std::byte> bytes, int from, int tag) override;
  std::optional<Envelope> probe(int from, int tag) override;

  // Until one of this rank's transfers is done, or, if none is under way, for a moment.
  void await_progress();

  // Ranks share no memory here (hierarchy.hpp).
  std::unique_ptr<SharedMemory> make_shared_memory(size_t bytes, std::string* why_not) override;
  std::unique_ptr<SharedMemory> join_shared_memory(const std::string& name, size_t bytes,
                                                   std::string* why_not) override;

 private:
  class Transfers;
  class Operation;

  MPI_Comm comm_;
  int rank_ = 0;
  int size_ = 1;
  std::unique_ptr<Transfers> transfers_;
};

}  // namespace podium::comm
