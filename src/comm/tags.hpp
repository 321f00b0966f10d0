// Message tags of the collectives. Application messages use tags below `first_reserved`.
#pragma once

namespace podium::comm::tags {

inline constexpr int first_reserved = 32000;
inline constexpr int sum_signature = 32001;
inline constexpr int sum_values = 32002;
inline constexpr int broadcast = 32003;
inline constexpr int gather = 32004;
inline constexpr int barrier = 32005;
inline constexpr int stuck = 32006;
inline constexpr int node_memory = 32007;

}  // namespace podium::comm::tags
