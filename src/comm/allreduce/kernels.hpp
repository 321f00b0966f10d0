// The loops of AllReduce over memory: they run at its speed, in vector instructions.
#pragma once

#include <span>

#include "comm/elements.hpp"

namespace podium::comm {

// into += from. The two do not overlap.
void add(const Elements& into, const std::byte* from);

// to = weight * from, element by element. They are the same memory or do not overlap.
void scale(const Elements& to, const std::byte* from, double weight);

// to = ((sources[0] + sources[1]) + sources[2]) + ..., each rounded to the type: in the order of
// the sources, so that whoever computes it gets the same bits. `copy`, if not null, gets them too.
// `to` may be one of the sources.
void sum(const Elements& to, std::byte* copy, std::span<const std::byte* const> sources);

}  // namespace podium::comm
