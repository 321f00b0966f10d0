#include "comm/allreduce/node_memory.hpp"

#include <algorithm>
#include <new>

#include "comm/tags.hpp"

namespace podium::comm {
namespace {

constexpr size_t page_bytes = 4096;

size_t rounded_up(size_t bytes, size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

void send_text(Communicator& group, const std::string& text, int to) {
  send(group, std::as_bytes(std::span(text)), to, tags::node_memory);
}

std::string receive_text(Communicator& group, int from) {
  const Message message = receive_any(group, from, tags::node_memory, group.policy());
  return {reinterpret_cast<const char*>(message.bytes.data()), message.bytes.size()};
}

// The first member hears what each has to say, and tells all the first text that is not empty.
std::string first_complaint(Communicator& group, const std::vector<int>& members,
                            std::string complaint) {
  if (group.rank() != members.front()) {
    send_text(group, complaint, members.front());
    return receive_text(group, members.front());
  }
  for (const int member : members) {
    if (member == group.rank()) continue;
    const std::string theirs = receive_text(group, member);
    if (complaint.empty()) complaint = theirs;
  }
  for (const int member : members) {
    if (member != group.rank()) send_text(group, complaint, member);
  }
  return complaint;
}

}  // namespace

size_t NodeMemory::area_bytes(size_t chunk_bytes) {
  return rounded_up(sizeof(Area), page_bytes) + 2 * slots * chunk_bytes;
}

std::unique_ptr<NodeMemory> NodeMemory::make(Communicator& group, const std::vector<int>& members,
                                             size_t chunk_bytes, std::string* why_not) {
  chunk_bytes = rounded_up(chunk_bytes, page_bytes);
  const size_t bytes = members.size() * area_bytes(chunk_bytes);
  std::unique_ptr<SharedMemory> memory;
  if (group.rank() == members.front()) {
    memory = group.make_shared_memory(bytes, why_not);
    for (const int member : members) {
      if (member != group.rank()) send_text(group, memory ? memory->name() : "", member);
    }
  } else {
    const std::string name = receive_text(group, members.front());
    if (!name.empty()) memory = group.join_shared_memory(name, bytes, why_not);
    if (name.empty()) *why_not = "the first rank of the node got none";
  }
  std::unique_ptr<NodeMemory> made;
  if (memory) {
    made.reset(new NodeMemory(std::move(memory), chunk_bytes));
    const auto place = std::ranges::find(members, group.rank()) - members.begin();
    new (made->begin_of(static_cast<size_t>(place))) Area();
  }
  *why_not = first_complaint(group, members, made ? "" : *why_not);
  if (made) made->memory_->forget_name();
  if (!why_not->empty()) made.reset();
  return made;
}

std::byte* NodeMemory::begin_of(size_t place) {
  return memory_->bytes().data() + place * area_bytes(chunk_bytes_);
}

NodeMemory::Area& NodeMemory::area(size_t place) {
  return *std::launder(reinterpret_cast<Area*>(begin_of(place)));
}

std::byte* NodeMemory::staging(size_t place, uint64_t tick) {
  return begin_of(place) + rounded_up(sizeof(Area), page_bytes) + tick % slots * chunk_bytes_;
}

std::byte* NodeMemory::result(size_t place, uint64_t tick) {
  return staging(place, tick) + slots * chunk_bytes_;
}

}  // namespace podium::comm
