// The MPI backend: a Communicator over one MPI_Comm, by non-blocking point-to-point calls,
// and by MPI_Allreduce where its user asks for just that.
#pragma once

#include <mpi.h>

#include "comm/communicator.hpp"

namespace podium::comm {

class HangWatch;

class MpiCommunicator : public Communicator {
 public:
  // A view of `comm`, whose error handler must return; MPI_Finalize releases it.
  MpiCommunicator(std::string name, MPI_Comm comm);
  ~MpiCommunicator() override;

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  Request isend(std::span<const std::byte> bytes, int to, int tag) override;
  Request irecv(std::span<std::byte> bytes, int from, int tag) override;
  Request irecv_up_to(std::span<std::byte> bytes, int from, int tag) override;
  std::optional<Envelope> probe(int from, int tag) override;
  std::unique_ptr<SharedMemory> make_shared_memory(size_t bytes, std::string* why_not) override;
  std::unique_ptr<SharedMemory> join_shared_memory(const std::string& name, size_t bytes,
                                                   std::string* why_not) override;
  bool has_own_sum() const override { return true; }
  // By MPI_Allreduce. It blocks inside the library, so a watch of its own ends the job, with exit
  // code 70, when the group's limit is over.
  void own_sum(const Elements& values, const std::function<std::string()>& story) override;

 private:
  MPI_Comm comm_;
  int rank_ = 0;
  int size_ = 1;
  std::unique_ptr<HangWatch> watch_;  // made by the first own_sum()
};

}  // namespace podium::comm
