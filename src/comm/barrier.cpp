#include "comm/barrier.hpp"

#include <array>

#include "comm/tags.hpp"

namespace podium::comm {

// In round k a rank signals the one 2^k ahead and waits for the one 2^k behind.
void barrier(Communicator& group, const WaitPolicy& policy) {
  const int ranks = group.size();
  for (int distance = 1; distance < ranks; distance <<= 1) {
    const int ahead = (group.rank() + distance) % ranks;
    const int behind = (group.rank() - distance + ranks) % ranks;
    std::array<std::byte, 1> token{};
    std::array<std::byte, 1> incoming{};
    Request received = group.irecv(incoming, behind, tags::barrier);
    Request sent = group.isend(token, ahead, tags::barrier);
    group.wait(received, "barrier", behind, policy);
    group.wait(sent, "barrier", ahead, policy);
  }
}

}  // namespace podium::comm
