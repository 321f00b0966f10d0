#include "comm/mpi/mpi_communicator.hpp"

#include <climits>

#include "comm/mpi/mpi_check.hpp"
#include "core/error.hpp"

namespace podium::comm {
namespace {

class MpiOperation : public Request::Operation {
 public:
  explicit MpiOperation(MPI_Request request) : request_(request) {}

  bool test() override {
    int done = 0;
    check_mpi(MPI_Test(&request_, &done, MPI_STATUS_IGNORE), "MPI_Test");
    return done != 0;
  }

 private:
  MPI_Request request_;
};

class MpiReceive : public Request::Operation {
 public:
  MpiReceive(MPI_Request request, int expected_bytes)
      : request_(request), expected_bytes_(expected_bytes) {}

  bool test() override {
    int done = 0;
    MPI_Status status;
    check_mpi(MPI_Test(&request_, &done, &status), "MPI_Test");
    if (done == 0) return false;
    int bytes = 0;
    check_mpi(MPI_Get_count(&status, MPI_BYTE, &bytes), "MPI_Get_count");
    if (bytes != expected_bytes_) {
      throw internal_error("a message of " + std::to_string(bytes) + " bytes arrived where " +
                               std::to_string(expected_bytes_) + " were expected",
                           "receive from rank " + std::to_string(status.MPI_SOURCE));
    }
    return true;
  }

 private:
  MPI_Request request_;
  int expected_bytes_;
};

int checked_count(size_t bytes) {
  require(bytes <= INT_MAX, "a message is larger than 2 GiB", "MPI communicator");
  return static_cast<int>(bytes);
}

}  // namespace

MpiCommunicator::MpiCommunicator(std::string name, MPI_Comm comm)
    : Communicator(std::move(name)), comm_(comm) {
  check_mpi(MPI_Comm_rank(comm_, &rank_), "MPI_Comm_rank");
  check_mpi(MPI_Comm_size(comm_, &size_), "MPI_Comm_size");
}

Request MpiCommunicator::isend(std::span<const std::byte> bytes, int to, int tag) {
  MPI_Request request = MPI_REQUEST_NULL;
  check_mpi(
      MPI_Isend(bytes.data(), checked_count(bytes.size()), MPI_BYTE, to, tag, comm_, &request),
      "MPI_Isend");
  return Request(std::make_unique<MpiOperation>(request));
}

Request MpiCommunicator::irecv(std::span<std::byte> bytes, int from, int tag) {
  MPI_Request request = MPI_REQUEST_NULL;
  const int count = checked_count(bytes.size());
  check_mpi(MPI_Irecv(bytes.data(), count, MPI_BYTE, from, tag, comm_, &request), "MPI_Irecv");
  return Request(std::make_unique<MpiReceive>(request, count));
}

std::optional<Envelope> MpiCommunicator::probe(int from, int tag) {
  int arrived = 0;
  MPI_Status status;
  check_mpi(MPI_Iprobe(from == any_rank ? MPI_ANY_SOURCE : from, tag == any_tag ? MPI_ANY_TAG : tag,
                       comm_, &arrived, &status),
            "MPI_Iprobe");
  if (arrived == 0) return std::nullopt;
  int bytes = 0;
  check_mpi(MPI_Get_count(&status, MPI_BYTE, &bytes), "MPI_Get_count");
  return Envelope{status.MPI_SOURCE, status.MPI_TAG, static_cast<size_t>(bytes)};
}

}  // namespace podium::comm
