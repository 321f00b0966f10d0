#include "comm/broadcast.hpp"

#include <cstdint>

#include "comm/tags.hpp"

namespace podium::comm {

// Ranks are numbered from the root. A rank receives from the one that differs in its lowest set
// bit, then sends to those that differ in each lower bit.
void broadcast(Communicator& group, std::span<std::byte> bytes, int root) {
  const int ranks = group.size();
  const int place = (group.rank() - root + ranks) % ranks;
  int bit = 1;
  for (; bit < ranks; bit <<= 1) {
    if ((place & bit) == 0) continue;
    receive(group, bytes, (place - bit + root) % ranks, tags::broadcast);
    break;
  }
  for (bit >>= 1; bit > 0; bit >>= 1) {
    if (place + bit < ranks) send(group, bytes, (place + bit + root) % ranks, tags::broadcast);
  }
}

std::string broadcast_text(Communicator& group, const std::string& text, int root) {
  uint64_t length = text.size();
  broadcast(group, std::as_writable_bytes(std::span(&length, 1)), root);
  std::string copy = group.rank() == root ? text : std::string(length, '\0');
  broadcast(group, std::as_writable_bytes(std::span(copy)), root);
  return copy;
}

}  // namespace podium::comm
