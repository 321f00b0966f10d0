#include "picture/network.hpp"

#include <algorithm>

#include "core/text.hpp"

namespace podium::picture {
namespace {

constexpr double width = 400;
constexpr double block_left = 16;
constexpr double block_width = 190;
constexpr double block_height = 22;
constexpr double step = 32;
constexpr double shape_left = block_left + block_width + 10;
constexpr double track_left = 330;
constexpr double track_step = 10;
constexpr size_t most_tracks = 6;

// The blocks and skips that are drawn: the first and the last ones of many.
NetworkPicture shortened(const NetworkPicture& whole) {
  if (whole.blocks.size() <= most_layers) return whole;
  const size_t half = most_layers / 2;
  const size_t removed = whole.blocks.size() - 2 * half;
  NetworkPicture part{.about = whole.about, .blocks = {}, .skips = {}};
  part.blocks.assign(whole.blocks.begin(), whole.blocks.begin() + static_cast<ptrdiff_t>(half));
  part.blocks.push_back({format("%zu more layers", removed), "", "fill-wait"});
  part.blocks.insert(part.blocks.end(), whole.blocks.end() - static_cast<ptrdiff_t>(half),
                     whole.blocks.end());
  const auto moved = [&](size_t at) {
    if (at < half) return at;
    return at < half + removed ? half : at - removed + 1;
  };
  for (const Skip& skip : whole.skips) {
    if (moved(skip.to) > moved(skip.from)) part.skips.push_back({moved(skip.from), moved(skip.to)});
  }
  return part;
}

double top_of(size_t block) {
  return 4 + step * static_cast<double>(block);
}

void draw_skip(Svg& svg, const Skip& skip, size_t track) {
  const double x = track_left + track_step * static_cast<double>(track % most_tracks);
  const double from = top_of(skip.from) + block_height + 3;
  const double to = top_of(skip.to) - 3;
  const double edge = block_left + block_width / 2;
  if (to <= from) return;
  svg.path(format("M%.1f %.1fH%.1fV%.1fH%.1f", edge + 2, from, x, to, edge + 8), "arrow skip");
  svg.path(format("M%.1f %.1fl7 -4v8z", edge + 2, to), "head");
}

}  // namespace

std::vector<size_t> tracks_of(const std::vector<Skip>& skips) {
  std::vector<size_t> tracks(skips.size());
  std::vector<size_t> order(skips.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::sort(order, {}, [&](size_t i) { return skips[i].to - skips[i].from; });
  std::vector<std::vector<Skip>> taken;
  for (const size_t i : order) {
    const auto meets = [&](const Skip& other) {
      return skips[i].from <= other.to && other.from <= skips[i].to;
    };
    size_t track = 0;
    while (track < taken.size() && std::ranges::any_of(taken[track], meets)) ++track;
    if (track == taken.size()) taken.emplace_back();
    taken[track].push_back(skips[i]);
    tracks[i] = track;
  }
  return tracks;
}

std::string draw(const NetworkPicture& picture) {
  const NetworkPicture part = shortened(picture);
  Svg svg;
  for (size_t i = 0; i < part.blocks.size(); ++i) {
    const NetworkBlock& block = part.blocks[i];
    const double y = top_of(i);
    const double middle = block_left + block_width / 2;
    if (i > 0) {
      svg.path(format("M%.1f %.1fV%.1f", middle, y - step + block_height, y - 5), "arrow");
      svg.path(format("M%.1f %.1fl-4 -6h8z", middle, y), "head");
    }
    svg.block(block_left, y, block_width, block_height, block.kind);
    svg.text(middle, y + 15, Anchor::middle, block.text, "on");
    svg.text(shape_left, y + 15, Anchor::start, block.shape, "faint");
  }
  const std::vector<size_t> tracks = tracks_of(part.skips);
  for (size_t i = 0; i < part.skips.size(); ++i) draw_skip(svg, part.skips[i], tracks[i]);
  return svg.scaled(part.about, width, top_of(part.blocks.size()));
}

}  // namespace podium::picture
