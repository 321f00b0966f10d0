#include "comm/mpi/mpi_communicator.hpp"

#include <climits>

#include "comm/mpi/hang_watch.hpp"
#include "comm/mpi/mpi_check.hpp"
#include "comm/mpi/posix_memory.hpp"
#include "core/error.hpp"

namespace podium::comm {
namespace {

class MpiOperation {
 public:
  explicit MpiOperation(MPI_Request request) : request_(request) {}

  bool test() {
    int done = 0;
    check_mpi(MPI_Test(&request_, &done, MPI_STATUS_IGNORE), "MPI_Test");
    return done != 0;
  }

 private:
  MPI_Request request_;
};

class MpiReceive {
 public:
  MpiReceive(MPI_Request request, int expected_bytes)
      : request_(request), expected_bytes_(expected_bytes) {}

  bool test() {
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

MpiCommunicator::~MpiCommunicator() = default;

Request MpiCommunicator::isend(std::span<const std::byte> bytes, int to, int tag) {
  MPI_Request request = MPI_REQUEST_NULL;
  check_mpi(
      MPI_Isend(bytes.data(), checked_count(bytes.size()), MPI_BYTE, to, tag, comm_, &request),
      "MPI_Isend");
  return Request(MpiOperation(request));
}

Request MpiCommunicator::irecv(std::span<std::byte> bytes, int from, int tag) {
  MPI_Request request = MPI_REQUEST_NULL;
  const int count = checked_count(bytes.size());
  check_mpi(MPI_Irecv(bytes.data(), count, MPI_BYTE, from, tag, comm_, &request), "MPI_Irecv");
  return Request(MpiReceive(request, count));
}

Request MpiCommunicator::irecv_up_to(std::span<std::byte> bytes, int from, int tag) {
  MPI_Request request = MPI_REQUEST_NULL;
  const int most = checked_count(bytes.size());
  check_mpi(MPI_Irecv(bytes.data(), most, MPI_BYTE, from, tag, comm_, &request), "MPI_Irecv");
  return Request(MpiOperation(request));
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

std::unique_ptr<SharedMemory> MpiCommunicator::make_shared_memory(size_t bytes,
                                                                  std::string* why_not) {
  return make_posix_memory(bytes, why_not);
}

std::unique_ptr<SharedMemory> MpiCommunicator::join_shared_memory(const std::string& name,
                                                                  size_t bytes,
                                                                  std::string* why_not) {
  return join_posix_memory(name, bytes, why_not);
}

void MpiCommunicator::own_sum(const Elements& values, const std::function<std::string()>& story) {
  if (!watch_) watch_ = std::make_unique<HangWatch>();
  const MPI_Datatype type = values.type == ElementType::f32 ? MPI_FLOAT : MPI_DOUBLE;
  require(values.count <= INT_MAX, "more than 2^31 elements in one call", "MPI_Allreduce");
  const auto whole_story = [this, &story] {
    return "rank " + std::to_string(rank_) + " of group '" + name() + "' waited " +
           std::to_string(policy().limit.count() / 1000) + " s inside MPI_Allreduce; " + story();
  };
  const HangWatch::Guard guard(*watch_, policy().limit, whole_story);
  check_mpi(MPI_Allreduce(MPI_IN_PLACE, values.data, static_cast<int>(values.count), type, MPI_SUM,
                          comm_),
            "MPI_Allreduce");
}

}  // namespace podium::comm
