#include "comm/simulated/simulated_communicator.hpp"

#include <climits>
#include <vector>

#include "comm/simulated/simulated_time.hpp"
#include "core/error.hpp"

namespace podium::comm {
namespace {

constexpr double rest_s = 1e-6;  // of a rank that waits for a message it has not posted

void check(int code, const char* call) {
  if (code != MPI_SUCCESS) throw internal_error(std::string(call) + " failed", "SMPI");
}

int checked_count(size_t bytes) {
  require(bytes <= INT_MAX, "a message is larger than 2 GiB", "simulated communicator");
  return static_cast<int>(bytes);
}

}  // namespace

// The transfers under way, by number. A number is free again once its end has been seen.
class SimulatedCommunicator::Transfers {
 public:
  size_t add(MPI_Request request) {
    for (size_t i = 0; i < entries_.size(); ++i) {
      if (entries_[i].used) continue;
      entries_[i] = {request, true};
      return i;
    }
    entries_.push_back({request, true});
    return entries_.size() - 1;
  }

  bool seen_done(size_t number) {
    Entry& entry = entries_[number];
    if (entry.request != MPI_REQUEST_NULL) return false;
    entry.used = false;
    return true;
  }

  // Until one more is done; false if none is under way.
  bool wait() {
    pending_.clear();
    numbers_.clear();
    for (size_t i = 0; i < entries_.size(); ++i) {
      if (entries_[i].request == MPI_REQUEST_NULL) continue;
      pending_.push_back(entries_[i].request);
      numbers_.push_back(i);
    }
    if (pending_.empty()) return false;
    int index = 0;
    check(
        MPI_Waitany(static_cast<int>(pending_.size()), pending_.data(), &index, MPI_STATUS_IGNORE),
        "MPI_Waitany");
    entries_[numbers_[static_cast<size_t>(index)]].request = MPI_REQUEST_NULL;
    return true;
  }

 private:
  struct Entry {
    MPI_Request request = MPI_REQUEST_NULL;
    bool used = false;
  };
  std::vector<Entry> entries_;
  std::vector<MPI_Request> pending_;
  std::vector<size_t> numbers_;
};

class SimulatedCommunicator::Operation {
 public:
  Operation(Transfers& transfers, size_t number) : transfers_(&transfers), number_(number) {}
  bool test() { return transfers_->seen_done(number_); }

 private:
  Transfers* transfers_;
  size_t number_;
};

SimulatedCommunicator::SimulatedCommunicator(std::string name, MPI_Comm comm)
    : Communicator(std::move(name)), comm_(comm), transfers_(std::make_unique<Transfers>()) {
  check(MPI_Comm_rank(comm_, &rank_), "MPI_Comm_rank");
  check(MPI_Comm_size(comm_, &size_), "MPI_Comm_size");
}

SimulatedCommunicator::~SimulatedCommunicator() = default;

Request SimulatedCommunicator::isend(std::span<const std::byte> bytes, int to, int tag) {
  MPI_Request request = MPI_REQUEST_NULL;
  check(MPI_Isend(bytes.data(), checked_count(bytes.size()), MPI_BYTE, to, tag, comm_, &request),
        "MPI_Isend");
  return Request(Operation(*transfers_, transfers_->add(request)));
}

Request SimulatedCommunicator::irecv(std::span<std::byte> bytes, int from, int tag) {
  MPI_Request request = MPI_REQUEST_NULL;
  check(MPI_Irecv(bytes.data(), checked_count(bytes.size()), MPI_BYTE, from, tag, comm_, &request),
        "MPI_Irecv");
  return Request(Operation(*transfers_, transfers_->add(request)));
}

// MPI's own receives are of up to so many bytes.
Request SimulatedCommunicator::irecv_up_to(std::span<std::byte> bytes, int from, int tag) {
  return irecv(bytes, from, tag);
}

std::optional<Envelope> SimulatedCommunicator::probe(int from, int tag) {
  int arrived = 0;
  MPI_Status status;
  check(MPI_Iprobe(from == any_rank ? MPI_ANY_SOURCE : from, tag == any_tag ? MPI_ANY_TAG : tag,
                   comm_, &arrived, &status),
        "MPI_Iprobe");
  if (arrived == 0) return std::nullopt;
  int bytes = 0;
  check(MPI_Get_count(&status, MPI_BYTE, &bytes), "MPI_Get_count");
  return Envelope{status.MPI_SOURCE, status.MPI_TAG, static_cast<size_t>(bytes)};
}

void SimulatedCommunicator::await_progress() {
  if (!transfers_->wait()) let_time_pass(rest_s);
}

std::unique_ptr<SharedMemory> SimulatedCommunicator::make_shared_memory(size_t,
                                                                        std::string* why_not) {
  *why_not = "simulated ranks share none";
  return nullptr;
}

std::unique_ptr<SharedMemory> SimulatedCommunicator::join_shared_memory(const std::string&, size_t,
                                                                        std::string* why_not) {
  *why_not = "simulated ranks share none";
  return nullptr;
}

}  // namespace podium::comm
