// How a page looks: its style sheet.
#pragma once

#include <string>

namespace podium::report {

// Colours are variables, light and dark. Of pictures: --s0 to --s5 tell series apart, also for
// those who do not tell red from green, and may be the colour of text; the others are those of the
// design, for areas with text beside them: --train, --ckpt, --inference, --broadcast,
// --destination, --h2d, --rollout, --buffer, --direct, --checkpoint, --wait, --other. Classes of
// the same names, with fill- or line- before them, take a colour: class="fill-train",
// class="line-s0".
const std::string& page_style();

}  // namespace podium::report
