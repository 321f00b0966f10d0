#include "ckpt/transfer.hpp"

#include <algorithm>
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

Json header_of(const Json& card, std::span<const NamedBuffer> buffers,
               const std::vector<int>& senders) {
  Json described = Json::array();
  for (const NamedBuffer& buffer : buffers) {
    described.push_back({{"name", buffer.name}, {"shape", buffer.shape}});
  }
  return {{"card", card}, {"senders", senders}, {"buffers", std::move(described)}};
}

// What sender `part` of `parts` gives of `values`.
template <typename T>
std::span<T> slice_of(std::span<T> values, size_t part, size_t parts) {
  const size_t first = values.size() * part / parts;
  return values.subspan(first, values.size() * (part + 1) / parts - first);
}

// The snapshot that a header describes, with room for its values.
Snapshot announced_by(const Json& header) {
  Snapshot snapshot;
  snapshot.card = header.at("card");
  for (const Json& entry : header.at("buffers")) {
    NamedBuffer buffer{entry.at("name"), entry.at("shape"), {}};
    buffer.values.resize(element_count(buffer.shape));
    snapshot.buffers.push_back(std::move(buffer));
  }
  return snapshot;
}

}  // namespace

void send_slice(comm::Communicator& group, const Snapshot& snapshot,
                const std::vector<int>& senders, int to, const SnapshotTags& tags) {
  send_slice(group, snapshot.card, snapshot.buffers, senders, to, tags);
}

void send_slice(comm::Communicator& group, const Json& card, std::span<const NamedBuffer> buffers,
                const std::vector<int>& senders, int to, const SnapshotTags& tags) {
  const auto own = std::ranges::find(senders, group.rank()) - senders.begin();
  const auto part = static_cast<size_t>(own);
  require(part < senders.size(), "a sender is one of the senders", "send_slice");
  if (part == 0) {
    const std::string header = header_of(card, buffers, senders).dump();
    comm::send(group, std::as_bytes(std::span(header)), to, tags.header);
  }
  for (const NamedBuffer& buffer : buffers) {
    const auto slice = slice_of(std::span(buffer.values), part, senders.size());
    if (!slice.empty()) comm::send(group, std::as_bytes(slice), to, tags.slice);
  }
}

Snapshot receive_snapshot(comm::Communicator& group, int from, const SnapshotTags& tags) {
  const comm::Message header = comm::receive_any(group, from, tags.header, group.policy());
  Snapshot snapshot;
  std::vector<int> senders;
  try {
    const char* text = reinterpret_cast<const char*>(header.bytes.data());
    const Json json = Json::parse(text, text + header.bytes.size());
    json.at("senders").get_to(senders);
    snapshot = announced_by(json);
  } catch (const Json::exception& error) {
    throw internal_error(std::string("a snapshot's header is malformed: ") + error.what(),
                         "transfer from rank " + std::to_string(from));
  }
  // All are awaited at once: the senders need not wait for each other.
  std::vector<std::pair<comm::Request, int>> slices;
  for (NamedBuffer& buffer : snapshot.buffers) {
    for (size_t part = 0; part < senders.size(); ++part) {
      const auto slice = slice_of(std::span(buffer.values), part, senders.size());
      if (slice.empty()) continue;
      slices.emplace_back(group.irecv(std::as_writable_bytes(slice), senders[part], tags.slice),
                          senders[part]);
    }
  }
  for (auto& [request, sender] : slices) group.wait(request, "a slice of a model", sender);
  return snapshot;
}

void share_snapshot(comm::Communicator& group, Snapshot& snapshot, int root) {
  const bool gives = group.rank() == root;
  const std::string header = comm::broadcast_text(
      group, gives ? header_of(snapshot.card, snapshot.buffers, {root}).dump() : std::string(),
      root);
  if (!gives) snapshot = announced_by(Json::parse(header));
  for (NamedBuffer& buffer : snapshot.buffers) {
    comm::broadcast(group, std::as_writable_bytes(std::span(buffer.values)), root);
  }
}

}  // namespace podium::ckpt
