// NodeMemory: the shared memory in which the ranks of one node sum, and the flags that order it.
//
// Each rank has an area that it alone writes: two counters, and room for three chunks that it has
// staged for the others, for three finished parts, and for the signature of a sum. Everything is
// counted in ticks, one per chunk that all ranks of the node go through, from the making of the
// memory on; tick t uses the slots t % 3.
//
//   staged = t+1: my part of tick t lies in its slot, and I have read all that I need of tick t-3.
//   finished = t+1: what I sum of tick t lies in its slot, and I have read the others' of tick t.
//
// Counters only grow and are stored after what they announce (release, acquire), each on lines of
// its own.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "comm/allreduce/signature.hpp"
#include "comm/communicator.hpp"

namespace podium::comm {

class NodeMemory {
 public:
  static constexpr uint64_t slots = 3;

  // Collective over `members`, ranks of `group` that share a node. On each of them null, and
  // `why_not`, if one cannot have the memory. `chunk_bytes` is the size of a slot.
  static std::unique_ptr<NodeMemory> make(Communicator& group, const std::vector<int>& members,
                                          size_t chunk_bytes, std::string* why_not);

  // By place among the members.
  std::atomic<uint64_t>& staged(size_t place) { return area(place).staged; }
  std::atomic<uint64_t>& finished(size_t place) { return area(place).finished; }
  Signature& signature(size_t place, uint64_t tick) { return area(place).signatures[tick % slots]; }
  std::byte* staging(size_t place, uint64_t tick);
  std::byte* result(size_t place, uint64_t tick);

 private:
  struct Area {
    alignas(line_bytes) std::atomic<uint64_t> staged{0};
    alignas(line_bytes) std::atomic<uint64_t> finished{0};
    alignas(line_bytes) std::array<Signature, slots> signatures;
  };
  static_assert(std::atomic<uint64_t>::is_always_lock_free);

  NodeMemory(std::unique_ptr<SharedMemory> memory, size_t chunk_bytes)
      : memory_(std::move(memory)), chunk_bytes_(chunk_bytes) {}

  static size_t area_bytes(size_t chunk_bytes);
  std::byte* begin_of(size_t place);
  Area& area(size_t place);

  std::unique_ptr<SharedMemory> memory_;
  size_t chunk_bytes_;
};

}  // namespace podium::comm
