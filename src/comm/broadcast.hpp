// Broadcast along a binomial tree: every rank ends with the root's bytes after ceil(log2 P) rounds.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "comm/communicator.hpp"

namespace podium::comm {

// REQUIRES: the same length and root on every rank.
void broadcast(Communicator& group, std::span<std::byte> bytes, int root);

// A text whose length only the root knows. Returns the root's text on every rank.
std::string broadcast_text(Communicator& group, const std::string& text, int root);

}  // namespace podium::comm
