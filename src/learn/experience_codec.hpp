// Experiences as a JSON head and raw bytes, for a Channel (core/channel.hpp), and back.
//
//   head   := {"experiences": N, "bytes": B, ...}        the sender may add keys of its own
//   bytes  := N times experience, B bytes in all; numbers are little-endian
//   experience := id:u64 rollout:u64 version:u64 made_at:u64 priority:f64 explorer:i32 steps:i32
//                 observations:u8[(steps+1)·observation] actions:i32[steps]
//                 log_probability:f32[steps] rewards:f32[steps] ends:u8[steps]
//
// A sender may be anybody: what comes out of unpack_experiences() is sound, everything else is
// refused. `uses` does not travel. Free functions, thread-safe.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <span>
#include <vector>

#include "learn/experience.hpp"

namespace podium::learn {

// What is accepted.
struct ExperienceLimits {
  size_t observation_bytes = 0;  // of each, exactly
  int actions = 0;
  int least_steps = 1;
  int most_steps = 1 << 16;
  size_t most_bytes = size_t{256} << 20;  // of the bytes behind a head
};

struct PackedExperiences {
  nlohmann::ordered_json head;
  std::vector<std::byte> bytes;
};

// Throws data_error unless lengths, actions and numbers are as they must be.
void check(const Experience& experience, const ExperienceLimits& limits);

// REQUIRES: each is sound.
PackedExperiences pack_experiences(std::span<const Experience> experiences);

// How many bytes follow `head`. Throws data_error where it does not say, or says more than allowed.
size_t packed_bytes(const nlohmann::ordered_json& head, const ExperienceLimits& limits);

// Throws data_error for anything that is not sound. Memory stays within a few times bytes.size().
std::vector<Experience> unpack_experiences(const nlohmann::ordered_json& head,
                                           std::span<const std::byte> bytes,
                                           const ExperienceLimits& limits);

}  // namespace podium::learn
