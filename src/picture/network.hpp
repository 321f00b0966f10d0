// Network: an architecture as blocks from the image down to its classes, with shapes, and arcs for
// what skips layers. Pure.
#pragma once

#include <string>
#include <vector>

#include "picture/svg.hpp"

namespace podium::picture {

struct NetworkBlock {
  std::string text = {};   // "conv 12, 5x5"
  std::string shape = {};  // of its output: "12 x 28 x 28"
  std::string kind = {};   // a class: "fill-train"
};

// From the output of one block to the input of a later one, which adds it.
struct Skip {
  size_t from = 0;
  size_t to = 0;
};

struct NetworkPicture {
  About about = {};
  std::vector<NetworkBlock> blocks = {};
  std::vector<Skip> skips = {};
};

// More blocks than that become one line in the middle that counts them.
inline constexpr size_t most_layers = 48;

std::string draw(const NetworkPicture& picture);

// In which track beside the blocks each skip runs, so that no two lie on each other.
std::vector<size_t> tracks_of(const std::vector<Skip>& skips);

}  // namespace podium::picture
