// What an Engine is told at its start; the same on all ranks, but for the GPU.
#pragma once

#include <chrono>
#include <string>

#include "ckpt/engine/schedule.hpp"
#include "core/log.hpp"

namespace podium::ckpt::engine {

struct EngineOptions {
  Schedule schedule = Schedule::automatic;
  uint64_t bucket_bytes = uint64_t{4} << 20;
  uint64_t memory_bytes = 0;  // for the buffers of a rank; 0: no limit
  bool copies = false;        // H2D copies also where the device is the host (host_stages.hpp)
  int gpu = -1;  // of this rank; buckets go by GPUs when all ranks have one (device_stages.hpp)
  std::chrono::milliseconds stall{5000};
  std::string address = "127.0.0.1";  // of the peer server
  std::string secret;                 // the same on all ranks
  size_t traced_spans = 0;            // recorded per stage and update
  Log log;
};

}  // namespace podium::ckpt::engine
