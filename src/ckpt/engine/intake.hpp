// Intake: the worker's side of the seam stages.hpp, which takes buckets from where the ranks of its
// pod have them.
//
// One serves one update. Its backends are folders: host/ and cuda/. Nothing is allocated or
// registered in take(). One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <vector>

#include "ckpt/engine/block.hpp"
#include "ckpt/engine/plan.hpp"
#include "ckpt/engine/segment.hpp"
#include "core/hash.hpp"

namespace podium::ckpt::engine {

// What is wanted of a bucket, in the order in which it lies there.
struct Wanted {
  struct Move {
    std::byte* to = nullptr;  // in shadow memory
    uint64_t offset = 0;      // in the bucket
    uint64_t bytes = 0;
  };
  // One of which anything is wanted: all of it is checked.
  struct Part {
    const Chunk* chunk = nullptr;
    size_t first_move = 0;
    size_t last_move = 0;  // one past
    uint64_t hash = 0;     // XXH3 of the chunk as it arrived: what take() tells
  };
  std::vector<Move> moves;
  std::vector<Part> parts;

  std::span<const Move> moves_of(const Part& part) const {
    return std::span(moves).subspan(part.first_move, part.last_move - part.first_move);
  }
};

class Intake {
 public:
  virtual ~Intake() = default;

  // Memory for shadow weights. Throws unavailable_error. It may outlive the intake.
  virtual Block shadow_memory(size_t bytes) const = 0;
  // Takes what is wanted of bucket `seq`, which has been published.
  virtual void take(uint64_t seq, const Bucket& bucket, Wanted& wanted) = 0;
};

// The same, from a bucket that lies in `bytes`.
void take_from(std::span<const std::byte> bytes, Wanted& wanted, Xxh3Stream& stream);

// The shards that a worker reads where they lie, by the rank that holds them; empty of others.
using SharedShards = std::vector<std::span<const std::byte>>;

// By the handles of the ranks of the pod, as their stages gave them (stages.hpp). `keeper`: shadow
// weights stay on the GPU of the pod's rank of that number, counted round, where buckets come by
// GPU; null: they lie on the host. Throws unavailable_error for a GPU that this process does not
// have.
std::unique_ptr<Intake> make_intake(const Segment& segment, const nlohmann::ordered_json& handles,
                                    size_t bucket_bytes, const size_t* keeper,
                                    SharedShards shards = {});

}  // namespace podium::ckpt::engine
