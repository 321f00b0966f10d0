#include "comm/gather.hpp"

#include <span>

#include "comm/tags.hpp"

namespace podium::comm {

std::vector<std::string> gather_texts(Communicator& group, const std::string& text, int root) {
  if (group.rank() != root) {
    send(group, std::as_bytes(std::span(text)), root, tags::gather);
    return {};
  }
  std::vector<std::string> texts(static_cast<size_t>(group.size()));
  for (int rank = 0; rank < group.size(); ++rank) {
    std::string& slot = texts[static_cast<size_t>(rank)];
    if (rank == root) {
      slot = text;
      continue;
    }
    const Message message = receive_any(group, rank, tags::gather, group.policy());
    slot.assign(reinterpret_cast<const char*>(message.bytes.data()), message.bytes.size());
  }
  return texts;
}

}  // namespace podium::comm
