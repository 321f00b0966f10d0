// The colours of pages and pictures, light and dark, as CSS variables. The design's: train green,
// ckpt blue, inference orange, broadcast yellow, destination light yellow, rollout yellow, sync
// direct purple, by checkpoint red. --s0 to --s5 tell series apart, also for those who do not tell
// red from green, and may be the colour of text.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace podium::picture {

// Declarations, to stand in a :root { }.
std::string_view light_colours();
std::string_view dark_colours();

// Rules for a picture that stands alone.
std::string standalone_colours();

// Those that pictures use, without "--".
inline constexpr std::array<const char*, 18> colour_names = {
    "s0",      "s1",     "s2",        "s3",         "s4",          "s5",
    "train",   "ckpt",   "inference", "broadcast",  "destination", "h2d",
    "rollout", "buffer", "direct",    "checkpoint", "wait",        "other"};

}  // namespace podium::picture
