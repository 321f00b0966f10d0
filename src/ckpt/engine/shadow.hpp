// Shadow weights: those of the version that comes, while they fill beside those that serve.
//
// Every byte is checked against the checksum of whoever held it. What the memory has already, from
// the version before the last, is not taken again; in an update of which only the changes travel,
// the rest comes from the weights that serve. One thread.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ckpt/engine/block.hpp"
#include "ckpt/engine/intake.hpp"
#include "ckpt/engine/plan.hpp"

namespace podium::ckpt::engine {

// Weights of one version, or of a part of the model: the bytes [first, first + memory.size()).
struct Weights {
  Layout layout;  // version 0: none yet
  uint64_t first = 0;
  uint64_t bytes = 0;
  Block memory;

  uint64_t version() const { return layout.version; }
  // The bytes of a tensor. REQUIRES: they are in this part, and on the host.
  std::span<const std::byte> of(const Tensor& tensor) const {
    return memory.span().subspan(tensor.place - first, tensor.bytes);
  }
};

// Memory of shadow weights, and what lies in it: null, nobody knows.
struct Spare {
  Block memory;
  std::shared_ptr<const Plan> plan;
};

class Shadow {
 public:
  // For part `part` of `parts` of the model, on the host; `plan` outlives it. Throws
  // unavailable_error.
  Shadow(const Plan& plan, size_t part, size_t parts);
  // In memory of `intake`; that of an earlier one is used where it is large enough.
  Shadow(const Plan& plan, size_t part, size_t parts, const Intake& intake, Spare spare);

  // Bytes that do not travel are those of `serving`, which are of `plan_of_serving`. Both outlive
  // it.
  void base_on(const Weights& serving, const Plan& plan_of_serving);
  // Takes what belongs here of a bucket, and checks it. False, and why() says which, when a
  // checksum is wrong.
  bool take(const Bucket& bucket, std::span<const std::byte> bytes);
  // The same of bucket `seq` of the IPC buffer; `partial`: it has only what changed.
  bool take(const Bucket& bucket, Intake& intake, uint64_t seq, bool partial);
  bool wants(const Bucket& bucket);

  const std::string& why() const { return why_; }
  uint64_t taken_bytes() const { return taken_bytes_; }
  Weights finish();
  Spare give_up() { return {std::move(memory_), nullptr}; }

 private:
  void place(size_t part, size_t parts);
  void collect(const Bucket& bucket, bool partial);
  void collect(const Bucket& bucket, const Chunk& chunk, const std::byte* serving);
  bool check(const Bucket& bucket);

  const Plan& plan_;
  uint64_t first_ = 0;
  uint64_t last_ = 0;
  Block memory_;
  std::vector<char> lacks_;    // by chunk; empty: all
  std::vector<char> changed_;  // by chunk, since serving_
  const Weights* serving_ = nullptr;
  Wanted wanted_;
  Xxh3Stream stream_;
  uint64_t taken_bytes_ = 0;
  std::string why_;
};

}  // namespace podium::ckpt::engine
