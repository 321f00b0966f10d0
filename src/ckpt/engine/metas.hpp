// Metas: what a rank of the checkpoint engine holds, and how the holdings of all ranks make a
// model.
//
// A rank holds pieces of named tensors: all of one, or a range of its bytes. The pieces of a
// tensor, wherever they are held, cover it exactly once. In a rank's shard the pieces stand one
// after the other, in the model the tensors do, each beginning at a multiple of 256 bytes. Pure: no
// communication, no memory of weights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

namespace podium::ckpt::engine {

inline constexpr uint64_t alignment_bytes = 256;

constexpr uint64_t aligned(uint64_t bytes) {
  return (bytes + alignment_bytes - 1) / alignment_bytes * alignment_bytes;
}

// A range of the bytes of a tensor.
struct Piece {
  std::string name;  // of the tensor
  std::vector<uint64_t> shape;
  uint32_t element_bytes = 4;
  uint64_t first = 0;  // byte of the tensor
  uint64_t bytes = 0;
};

// What one rank holds of one version.
struct Metas {
  uint64_t version = 0;
  std::string card;  // text about the model; at most one rank has any
  std::vector<Piece> pieces;
  std::vector<uint64_t> hashes;  // XXH3 of each chunk of the shard (plan.hpp), in order
};

struct Tensor {
  std::string name;
  std::vector<uint64_t> shape;
  uint32_t element_bytes = 4;
  uint64_t place = 0;  // first byte in the model
  uint64_t bytes = 0;
};

// Where a piece of a rank's shard belongs.
struct PlacedPiece {
  uint64_t shard_offset = 0;
  uint64_t place = 0;  // first byte in the model
  uint64_t bytes = 0;

  bool operator==(const PlacedPiece&) const = default;
};

struct Layout {
  uint64_t version = 0;
  std::string card;
  std::vector<Tensor> tensors;                   // in the order in which ranks name them first
  uint64_t model_bytes = 0;                      // with the gaps between tensors
  std::vector<std::vector<PlacedPiece>> pieces;  // per rank
  std::vector<uint64_t> shard_bytes;             // per rank
};

// Throws data_error, which names tensor and ranks: versions that differ, a tensor of two shapes, a
// piece outside its tensor, bytes that nobody or two ranks hold.
Layout make_layout(std::span<const Metas> ranks);

// The pieces that rank `part` of `parts` gives of `whole` tensors, so that all give about the same:
// cut at multiples of 256 bytes of the model.
std::vector<Piece> slice_of(std::span<const Piece> whole, size_t part, size_t parts);

// The bytes of a shard that holds `pieces`, gaps included.
uint64_t shard_bytes_of(std::span<const Piece> pieces);

nlohmann::ordered_json to_json(const Metas& metas);
// Throws data_error for what is no Metas.
Metas metas_from_json(const nlohmann::ordered_json& json);

}  // namespace podium::ckpt::engine
