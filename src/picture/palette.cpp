#include "picture/palette.hpp"

namespace podium::picture {

// Text at least 4.5 times as bright or dark as its ground, lines and areas of pictures at least 3
// times where they carry meaning alone (WCAG 2.1, 1.4.3 and 1.4.11).
std::string_view light_colours() {
  return "--ground: #fcfcfb; --raised: #ffffff; --ink: #1d1f22; --faint: #5c6066; --rule: "
         "#dcdcd8;\n"
         "--accent: #0b5c8f; --mark: #e8f3ea; --warn: #9a3412; --warn-ground: #fdf1e7;\n"
         "--s0: #0067a5; --s1: #b8400e; --s2: #0a7350; --s3: #96438a; --s4: #806200; --s5: "
         "#486a86;\n"
         "--train: #74c476; --ckpt: #6baed6; --inference: #fd8d3c; --broadcast: #ffd92f;\n"
         "--destination: #fff2ae; --h2d: #9ecae1; --rollout: #ffd92f; --buffer: #6baed6;\n"
         "--direct: #9e7fc0; --checkpoint: #de4b39; --wait: #d5d5d2; --other: #a8a8a4;\n"
         "--heat: 11, 92, 143; --wrong: 184, 64, 14;\n";
}

std::string_view dark_colours() {
  return "--ground: #16181b; --raised: #1d2024; --ink: #e7e8ea; --faint: #a2a7ae; --rule: "
         "#363a40;\n"
         "--accent: #7cc0f0; --mark: #1d3324; --warn: #ffb184; --warn-ground: #33231a;\n"
         "--s0: #64b5f0; --s1: #ff9365; --s2: #52cfa3; --s3: #e39ad4; --s4: #e0c04a; --s5: "
         "#a6c4dc;\n"
         "--train: #5aa85d; --ckpt: #4d92bd; --inference: #e5792b; --broadcast: #e3c01c;\n"
         "--destination: #8a7f45; --h2d: #6f9fc0; --rollout: #e3c01c; --buffer: #4d92bd;\n"
         "--direct: #9e7fc0; --checkpoint: #d9503f; --wait: #4a4e55; --other: #6d7279;\n"
         "--heat: 84, 168, 222; --wrong: 255, 134, 80;\n";
}

std::string standalone_colours() {
  return ":root {\n" + std::string(light_colours()) +
         "}\n@media (prefers-color-scheme: dark) { :root {\n" + std::string(dark_colours()) +
         "} }\n";
}

}  // namespace podium::picture
