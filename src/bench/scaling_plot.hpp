// The plot of a scaling study, as an SVG file that needs nothing beside it.
//
// One panel per mode: speed-up over ranks, both on scales that double, a line per model with bars
// from the slowest to the fastest repetition, and a dashed line where nothing would be lost.
// Simulated series are dotted and say so. Colours fit light and dark pages, whose text colour the
// plot takes where it is part of a page.
#pragma once

#include <string>
#include <vector>

#include "bench/scaling_table.hpp"

namespace podium::bench {

// `rows` as derive() returns them. An XML document.
std::string scaling_plot(const std::vector<ScalingRow>& rows);

}  // namespace podium::bench
