#include "comm/ring_allreduce.hpp"

#include <vector>

#include "comm/tags.hpp"
#include "core/error.hpp"

namespace podium::comm {
namespace {

// One rank's place in the ring, and the chunks of its vector.
template <typename T>
class Ring {
 public:
  Ring(Communicator& group, std::span<T> data, std::span<T> scratch)
      : group_(group), data_(data), scratch_(scratch), ranks_(group.size()), rank_(group.rank()) {}

  void reduce_scatter() {
    for (int step = 0; step < ranks_ - 1; ++step) {
      const std::span<T> outgoing = chunk(rank_ - step);
      const std::span<T> partial = chunk(rank_ - step - 1);
      const std::span<T> incoming = scratch_.first(partial.size());
      exchange(outgoing, incoming, tags::reduce_scatter, "ring AllReduce, reduce-scatter");
      for (size_t i = 0; i < partial.size(); ++i) partial[i] += incoming[i];
    }
  }

  void all_gather() {
    for (int step = 0; step < ranks_ - 1; ++step) {
      exchange(chunk(rank_ + 1 - step), chunk(rank_ - step), tags::all_gather,
               "ring AllReduce, all-gather");
    }
  }

 private:
  // Chunk `index`, counted around the ring. The first chunks take the elements that do not divide.
  std::span<T> chunk(int index) const {
    const size_t ranks = static_cast<size_t>(ranks_);
    const size_t wrapped = static_cast<size_t>((index % ranks_ + ranks_) % ranks_);
    const size_t whole = data_.size() / ranks;
    const size_t rest = data_.size() % ranks;
    const size_t begin = wrapped * whole + std::min(wrapped, rest);
    return data_.subspan(begin, whole + (wrapped < rest ? 1 : 0));
  }

  // Sends to the right while receiving from the left. Both ends know which chunks are empty.
  void exchange(std::span<const T> outgoing, std::span<T> incoming, int tag, const char* name) {
    const int right = (rank_ + 1) % ranks_;
    const int left = (rank_ + ranks_ - 1) % ranks_;
    Request received;
    Request sent;
    if (!incoming.empty()) received = group_.irecv(std::as_writable_bytes(incoming), left, tag);
    if (!outgoing.empty()) sent = group_.isend(std::as_bytes(outgoing), right, tag);
    group_.wait(received, name, left);
    group_.wait(sent, name, right);
  }

  Communicator& group_;
  std::span<T> data_;
  std::span<T> scratch_;
  int ranks_;
  int rank_;
};

}  // namespace

size_t ring_scratch_elements(size_t count, int ranks) {
  const size_t parts = static_cast<size_t>(ranks);
  return (count + parts - 1) / parts;
}

template <typename T>
void ring_allreduce(Communicator& group, std::span<T> data, std::span<T> scratch) {
  require(scratch.size() >= ring_scratch_elements(data.size(), group.size()),
          "too little scratch space", "ring_allreduce");
  Ring<T> ring(group, data, scratch);
  ring.reduce_scatter();
  ring.all_gather();
}

template <typename T>
void ring_allreduce(Communicator& group, std::span<T> data) {
  std::vector<T> scratch(ring_scratch_elements(data.size(), group.size()));
  ring_allreduce(group, data, std::span<T>(scratch));
}

template void ring_allreduce(Communicator&, std::span<float>, std::span<float>);
template void ring_allreduce(Communicator&, std::span<double>, std::span<double>);
template void ring_allreduce(Communicator&, std::span<float>);
template void ring_allreduce(Communicator&, std::span<double>);

}  // namespace podium::comm
