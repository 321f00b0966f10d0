// Intake: the worker's side of the seam stages.hpp, which takes buckets out of the IPC buffer.
//
// One serves one update. Its backends are folders: host/ and cuda/. Nothing is allocated or
// registered in show() to shown(). One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>

#include "ckpt/engine/block.hpp"
#include "ckpt/engine/segment.hpp"

namespace podium::ckpt::engine {

class Intake {
 public:
  virtual ~Intake() = default;

  // Memory for shadow weights. Throws unavailable_error. It may outlive the intake.
  virtual Block shadow_memory(size_t bytes) const = 0;

  // Turns to bucket `seq`, which has been published.
  virtual void show(uint64_t seq, size_t bytes) = 0;
  // Takes `bytes` of it, from byte `offset`, to `to` in shadow memory.
  // REQUIRES: offsets grow, and ranges do not overlap.
  virtual void take(std::byte* to, size_t offset, size_t bytes) = 0;
  // All of the bucket as it arrived, on the host. What was taken is there when this returns.
  virtual std::span<const std::byte> shown() = 0;
};

// By the handles of the ranks of the pod, as their stages gave them (stages.hpp). `keeper`: shadow
// weights stay on the GPU of the pod's rank of that number, counted round, where buckets come by
// GPU; null: they lie on the host. Throws unavailable_error for a GPU that this process does not
// have.
std::unique_ptr<Intake> make_intake(const Segment& segment, const nlohmann::ordered_json& handles,
                                    size_t bucket_bytes, const size_t* keeper);

}  // namespace podium::ckpt::engine
