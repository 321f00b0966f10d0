#include "workflow/shards.hpp"

#include <algorithm>
#include <deque>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "workflow/messages.hpp"
#include "workflow/weights_source.hpp"

namespace podium::workflow {
namespace {

using Json = nlohmann::ordered_json;
using ckpt::engine::Piece;

// Sender `part` of `parts` gives of a piece so much: whole numbers of the type.
template <typename Byte>
std::span<Byte> share_of(std::span<Byte> piece, size_t part, size_t parts) {
  const size_t values = piece.size() / sizeof(float);
  const size_t first = values * part / parts * sizeof(float);
  return piece.subspan(first, values * (part + 1) / parts * sizeof(float) - first);
}

std::string header_of(const std::string& model, const std::vector<int>& senders,
                      const std::vector<Piece>& pieces) {
  Json header = {{"model", model}, {"senders", senders}, {"pieces", Json::array()}};
  for (const Piece& piece : pieces) {
    header["pieces"].push_back({piece.name, piece.shape, piece.first, piece.bytes});
  }
  return header.dump();
}

// The room for what `header` announces.
ModelShard announced_by(const Json& header) {
  ModelShard shard{header.at("model"), {}, {}};
  for (const Json& entry : header.at("pieces")) {
    shard.pieces.push_back(
        {entry.at(0), entry.at(1), sizeof(float), entry.at(2), entry.at(3).get<uint64_t>()});
    shard.bytes.emplace_back(shard.pieces.back().bytes);
  }
  return shard;
}

}  // namespace

std::span<const std::byte> bytes_of(const ckpt::Snapshot& snapshot, const Piece& piece) {
  const auto named = std::ranges::find(snapshot.buffers, piece.name, &ckpt::NamedBuffer::name);
  return std::as_bytes(std::span(named->values)).subspan(piece.first, piece.bytes);
}

void send_shards(comm::Communicator& group, const ckpt::Snapshot& snapshot,
                 const std::string& model, const std::vector<int>& senders,
                 const std::vector<int>& holders, int owner,
                 const std::function<void()>& meanwhile) {
  const auto own = std::ranges::find(senders, group.rank()) - senders.begin();
  const auto part = static_cast<size_t>(own);
  require(part < senders.size(), "a sender is one of the senders", "send_shards");
  const std::vector<Piece> whole = pieces_of(snapshot);
  std::deque<std::string> headers;  // in use until they are taken
  std::vector<std::pair<comm::Request, int>> sent;
  for (size_t holder = 0; holder < holders.size(); ++holder) {
    const int to = holders[holder];
    if (to == owner) continue;
    const std::vector<Piece> pieces = ckpt::engine::slice_of(whole, holder, holders.size());
    if (part == 0) {
      const std::string& header = headers.emplace_back(header_of(model, senders, pieces));
      sent.emplace_back(
          group.isend(std::as_bytes(std::span(header)), to, messages::shard_tags.header), to);
    }
    for (const Piece& piece : pieces) {
      const auto share = share_of(bytes_of(snapshot, piece), part, senders.size());
      if (share.empty()) continue;
      sent.emplace_back(group.isend(share, to, messages::shard_tags.slice), to);
    }
  }
  meanwhile();
  for (auto& [request, to] : sent) group.wait(request, "a shard of a model", to);
}

ModelShard receive_shard(comm::Communicator& group, int from) {
  const comm::Message message =
      comm::receive_any(group, from, messages::shard_tags.header, group.policy());
  ModelShard shard;
  std::vector<int> senders;
  try {
    const char* text = reinterpret_cast<const char*>(message.bytes.data());
    const Json header = Json::parse(text, text + message.bytes.size());
    header.at("senders").get_to(senders);
    shard = announced_by(header);
  } catch (const Json::exception& error) {
    throw internal_error(std::string("a shard's header is malformed: ") + error.what(),
                         "hand-over from rank " + std::to_string(from));
  }
  std::vector<std::pair<comm::Request, int>> slices;
  for (std::vector<std::byte>& bytes : shard.bytes) {
    for (size_t part = 0; part < senders.size(); ++part) {
      const auto share = share_of(std::span(bytes), part, senders.size());
      if (share.empty()) continue;
      slices.emplace_back(group.irecv(share, senders[part], messages::shard_tags.slice),
                          senders[part]);
    }
  }
  for (auto& [request, sender] : slices) group.wait(request, "a shard of a model", sender);
  return shard;
}

}  // namespace podium::workflow
