#include "ckpt/engine/metas.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "core/error.hpp"

namespace podium::ckpt::engine {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* remedy = "give every rank its slice of the same tensors and version";

// The bytes of a tensor; throws where they cannot be counted.
uint64_t bytes_of(const Piece& piece) {
  uint64_t bytes = piece.element_bytes;
  for (const uint64_t extent : piece.shape) {
    if (extent != 0 && bytes > (uint64_t{1} << 50) / extent) {
      throw data_error("a tensor of impossible size", "'" + piece.name + "'", remedy);
    }
    bytes *= extent;
  }
  return bytes;
}

std::string at_rank(size_t rank, const std::string& tensor) {
  return "rank " + std::to_string(rank) + ", tensor '" + tensor + "'";
}

// A piece and who holds it.
struct Held {
  uint64_t first = 0;
  uint64_t bytes = 0;
  size_t rank = 0;
};

class LayoutMaker {
 public:
  explicit LayoutMaker(std::span<const Metas> ranks) : ranks_(ranks) {}

  Layout make() {
    for (size_t rank = 0; rank < ranks_.size(); ++rank) add(rank);
    for (size_t i = 0; i < layout_.tensors.size(); ++i) check_cover(i);
    for (Tensor& tensor : layout_.tensors) {
      tensor.place = layout_.model_bytes;
      layout_.model_bytes += aligned(tensor.bytes);
    }
    for (const Metas& metas : ranks_) place(metas);
    return std::move(layout_);
  }

 private:
  void add(size_t rank) {
    const Metas& metas = ranks_[rank];
    if (rank == 0) layout_.version = metas.version;
    if (metas.version != layout_.version) {
      throw data_error("rank 0 holds version " + std::to_string(layout_.version) + ", rank " +
                           std::to_string(rank) + " version " + std::to_string(metas.version),
                       "gather metas", remedy);
    }
    if (!metas.card.empty()) layout_.card = metas.card;
    for (const Piece& piece : metas.pieces) add(rank, piece);
  }

  void add(size_t rank, const Piece& piece) {
    const auto [found, fresh] = index_.try_emplace(piece.name, layout_.tensors.size());
    if (fresh) {
      layout_.tensors.push_back({piece.name, piece.shape, piece.element_bytes, 0, bytes_of(piece)});
      held_.emplace_back();
    }
    const Tensor& tensor = layout_.tensors[found->second];
    if (tensor.shape != piece.shape || tensor.element_bytes != piece.element_bytes) {
      throw data_error("the tensor has another shape or type than on a rank before",
                       at_rank(rank, piece.name), remedy);
    }
    if (piece.first > tensor.bytes || piece.bytes > tensor.bytes - piece.first) {
      throw data_error("the piece goes beyond its tensor", at_rank(rank, piece.name), remedy);
    }
    held_[found->second].push_back({piece.first, piece.bytes, rank});
  }

  void check_cover(size_t index) {
    const Tensor& tensor = layout_.tensors[index];
    std::vector<Held>& held = held_[index];
    std::ranges::sort(held, {}, &Held::first);
    uint64_t covered = 0;
    for (const Held& piece : held) {
      if (piece.bytes == 0) continue;
      if (piece.first < covered) {
        throw data_error("bytes that another rank holds too", at_rank(piece.rank, tensor.name),
                         remedy);
      }
      if (piece.first > covered) break;
      covered += piece.bytes;
    }
    if (covered != tensor.bytes) {
      throw data_error("nobody holds the tensor's bytes from " + std::to_string(covered),
                       "tensor '" + tensor.name + "'", remedy);
    }
  }

  void place(const Metas& metas) {
    std::vector<PlacedPiece> placed;
    uint64_t offset = 0;
    for (const Piece& piece : metas.pieces) {
      const Tensor& tensor = layout_.tensors[index_.at(piece.name)];
      placed.push_back({offset, tensor.place + piece.first, piece.bytes});
      offset += aligned(piece.bytes);
    }
    layout_.pieces.push_back(std::move(placed));
    layout_.shard_bytes.push_back(offset);
  }

  std::span<const Metas> ranks_;
  Layout layout_;
  std::map<std::string, size_t> index_;
  std::vector<std::vector<Held>> held_;  // per tensor
};

}  // namespace

Layout make_layout(std::span<const Metas> ranks) {
  return LayoutMaker(ranks).make();
}

std::vector<Piece> slice_of(std::span<const Piece> whole, size_t part, size_t parts) {
  const uint64_t lines = shard_bytes_of(whole) / alignment_bytes;
  const uint64_t begin = lines * part / parts * alignment_bytes;
  const uint64_t end = lines * (part + 1) / parts * alignment_bytes;
  std::vector<Piece> slice;
  uint64_t place = 0;
  for (const Piece& tensor : whole) {
    const uint64_t first = std::clamp(begin, place, place + tensor.bytes) - place;
    const uint64_t last = std::clamp(end, place, place + tensor.bytes) - place;
    // A tensor without bytes is the first part's.
    if (last > first || (tensor.bytes == 0 && part == 0)) {
      slice.push_back({tensor.name, tensor.shape, tensor.element_bytes, first, last - first});
    }
    place += aligned(tensor.bytes);
  }
  return slice;
}

uint64_t shard_bytes_of(std::span<const Piece> pieces) {
  uint64_t bytes = 0;
  for (const Piece& piece : pieces) bytes += aligned(piece.bytes);
  return bytes;
}

Json to_json(const Metas& metas) {
  Json pieces = Json::array();
  for (const Piece& piece : metas.pieces) {
    pieces.push_back({piece.name, piece.shape, piece.element_bytes, piece.first, piece.bytes});
  }
  return {{"version", metas.version},
          {"card", metas.card},
          {"pieces", std::move(pieces)},
          {"hashes", metas.hashes}};
}

Metas metas_from_json(const Json& json) {
  Metas metas;
  try {
    json.at("version").get_to(metas.version);
    json.at("card").get_to(metas.card);
    json.at("hashes").get_to(metas.hashes);
    for (const Json& entry : json.at("pieces")) {
      Piece piece;
      entry.at(0).get_to(piece.name);
      entry.at(1).get_to(piece.shape);
      entry.at(2).get_to(piece.element_bytes);
      entry.at(3).get_to(piece.first);
      entry.at(4).get_to(piece.bytes);
      metas.pieces.push_back(std::move(piece));
    }
  } catch (const Json::exception& error) {
    throw data_error(std::string("no metas: ") + error.what(), "checkpoint engine",
                     "run the same version of Podium everywhere");
  }
  return metas;
}

}  // namespace podium::ckpt::engine
