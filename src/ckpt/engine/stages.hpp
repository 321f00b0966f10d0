// Stages: the seam between the engine and the memory through which buckets go.
//
// One Stages belongs to one rank. Its backends are folders: host/ (main memory) and cuda/ (pinned
// shards, buffers on the device). Nothing is allocated or registered in upload() to landed().
// Threads: upload() is called by the rank's uploading thread, the others by the one that
// broadcasts. A worker's side of the seam is intake.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>

#include "ckpt/engine/block.hpp"
#include "ckpt/engine/schedule.hpp"
#include "ckpt/engine/segment.hpp"

namespace podium::ckpt::engine {

class Stages {
 public:
  virtual ~Stages() = default;

  // Whether workers of the pod read shards where they lie, by their descriptors: upload() and
  // place() have nothing to copy then.
  virtual bool direct() const = 0;
  // Memory for a shard: from there upload() is fastest. Throws unavailable_error. It may outlive
  // the stages.
  virtual Block shard_memory(size_t bytes) const = 0;
  // What a worker must know to read what this rank places, beside the segment.
  virtual nlohmann::ordered_json handle() const = 0;

  // H2D: a bucket of the shard into H2D buffer `buffer`. It is there when this returns. The shard
  // stays where it is.
  virtual void upload(size_t buffer, std::span<const std::byte> bucket) = 0;
  // Broadcast within the pod: from an H2D buffer into the IPC buffer, as bucket `seq`. Every
  // process can read it there when this returns.
  virtual void place(uint64_t seq, size_t buffer, size_t bytes) = 0;
  // Broadcast to other pods: the bytes of an H2D buffer, for the communicator to read.
  virtual std::span<const std::byte> outgoing(size_t buffer, size_t bytes) = 0;
  // Broadcast from another pod: where the communicator writes bucket `seq`, and what is to be done
  // then.
  virtual std::span<std::byte> landing(uint64_t seq, size_t bytes) = 0;
  virtual void landed(uint64_t seq, size_t bytes) = 0;
};

}  // namespace podium::ckpt::engine
