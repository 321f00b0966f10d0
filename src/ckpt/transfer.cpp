#include "ckpt/transfer.hpp"

#include <nlohmann/json.hpp>
#include <string_view>

#include "comm/broadcast.hpp"
#include "core/error.hpp"

namespace podium::ckpt {
namespace {

using Json = nlohmann::ordered_json;

size_t element_count(const std::vector<uint64_t>& shape) {
  size_t count = 1;
  for (const uint64_t extent : shape) count *= extent;
  return count;
}

Json header_of(const Snapshot& snapshot) {
  Json buffers = Json::array();
  for (const NamedBuffer& buffer : snapshot.buffers) {
    buffers.push_back({{"name", buffer.name}, {"shape", buffer.shape}});
  }
  return {{"card", snapshot.card}, {"buffers", buffers}};
}

// The snapshot that a header describes, with room for its values.
Snapshot announced_by(std::string_view header) {
  Snapshot snapshot;
  const Json json = Json::parse(header);
  snapshot.card = json.at("card");
  for (const Json& entry : json.at("buffers")) {
    NamedBuffer buffer{entry.at("name"), entry.at("shape"), {}};
    buffer.values.resize(element_count(buffer.shape));
    snapshot.buffers.push_back(std::move(buffer));
  }
  return snapshot;
}

}  // namespace

void send_snapshot(comm::Communicator& group, const Snapshot& snapshot, int to, int tag) {
  const std::string header = header_of(snapshot).dump();
  comm::send(group, std::as_bytes(std::span(header)), to, tag);
  for (const NamedBuffer& buffer : snapshot.buffers) {
    comm::send(group, std::as_bytes(std::span(buffer.values)), to, tag);
  }
}

Snapshot receive_snapshot(comm::Communicator& group, int from, int tag) {
  const comm::Message header = comm::receive_any(group, from, tag, group.policy());
  Snapshot snapshot;
  try {
    const char* text = reinterpret_cast<const char*>(header.bytes.data());
    snapshot = announced_by({text, header.bytes.size()});
  } catch (const Json::exception& error) {
    throw internal_error(std::string("a snapshot's header is malformed: ") + error.what(),
                         "transfer from rank " + std::to_string(from));
  }
  for (NamedBuffer& buffer : snapshot.buffers) {
    comm::receive(group, std::as_writable_bytes(std::span(buffer.values)), from, tag);
  }
  return snapshot;
}

void share_snapshot(comm::Communicator& group, Snapshot& snapshot, int root) {
  const bool gives = group.rank() == root;
  const std::string header =
      comm::broadcast_text(group, gives ? header_of(snapshot).dump() : std::string(), root);
  if (!gives) snapshot = announced_by(header);
  for (NamedBuffer& buffer : snapshot.buffers) {
    comm::broadcast(group, std::as_writable_bytes(std::span(buffer.values)), root);
  }
}

}  // namespace podium::ckpt
