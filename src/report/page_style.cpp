#include "report/page_style.hpp"

namespace podium::report {
namespace {

// Text at least 4.5 times as bright or dark as its ground, lines and areas of pictures at least 3
// times where they carry meaning alone (WCAG 2.1, 1.4.3 and 1.4.11).
constexpr const char* light_colours =
    "--ground: #fcfcfb; --raised: #ffffff; --ink: #1d1f22; --faint: #5c6066; --rule: #dcdcd8;\n"
    "--accent: #0b5c8f; --mark: #e8f3ea; --warn: #9a3412; --warn-ground: #fdf1e7;\n"
    "--s0: #0067a5; --s1: #b8400e; --s2: #0a7350; --s3: #96438a; --s4: #806200; --s5: #486a86;\n"
    "--train: #74c476; --ckpt: #6baed6; --inference: #fd8d3c; --broadcast: #ffd92f;\n"
    "--destination: #fff2ae; --h2d: #9ecae1; --rollout: #ffd92f; --buffer: #6baed6;\n"
    "--direct: #9e7fc0; --checkpoint: #de4b39; --wait: #d5d5d2; --other: #a8a8a4;\n"
    "--heat: 11, 92, 143; --wrong: 184, 64, 14;\n";

constexpr const char* dark_colours =
    "--ground: #16181b; --raised: #1d2024; --ink: #e7e8ea; --faint: #a2a7ae; --rule: #363a40;\n"
    "--accent: #7cc0f0; --mark: #1d3324; --warn: #ffb184; --warn-ground: #33231a;\n"
    "--s0: #64b5f0; --s1: #ff9365; --s2: #52cfa3; --s3: #e39ad4; --s4: #e0c04a; --s5: #a6c4dc;\n"
    "--train: #5aa85d; --ckpt: #4d92bd; --inference: #e5792b; --broadcast: #e3c01c;\n"
    "--destination: #8a7f45; --h2d: #6f9fc0; --rollout: #e3c01c; --buffer: #4d92bd;\n"
    "--direct: #9e7fc0; --checkpoint: #d9503f; --wait: #4a4e55; --other: #6d7279;\n"
    "--heat: 84, 168, 222; --wrong: 255, 134, 80;\n";

constexpr const char* text_rules = R"css(
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-padding-top: 3.5rem; }
body { margin: 0; background: var(--ground); color: var(--ink); line-height: 1.5;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; font-size: 16px; }
header, main, footer { max-width: 70rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2.25rem; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .5rem; letter-spacing: -.01em; overflow-wrap: anywhere; }
h2 { font-size: 1.3rem; line-height: 1.25; margin: 0 0 .75rem; letter-spacing: -.005em; }
h3 { font-size: 1.02rem; margin: 1.25rem 0 .4rem; overflow-wrap: anywhere; }
p, ul, ol { max-width: 44rem; margin: .5rem 0; }
li { margin: .3rem 0; }
a { color: var(--accent); }
code, pre { font-family: ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", monospace; font-size: .88em; }
code { overflow-wrap: anywhere; }
pre { background: var(--raised); border: 1px solid var(--rule); border-radius: 6px; padding: .7rem .9rem;
  overflow-x: auto; margin: .5rem 0; line-height: 1.45; }
section { padding: 1.75rem 0 .5rem; border-top: 1px solid var(--rule); margin-top: 1.5rem; }
section:first-child { border-top: 0; margin-top: 0; padding-top: 1rem; }
footer { color: var(--faint); font-size: .87rem; padding-top: 1rem; padding-bottom: 2.5rem; }
.lead { font-size: 1.15rem; line-height: 1.45; max-width: 46rem; }
.faint, figcaption, caption { color: var(--faint); font-size: .9rem; }
.notice { background: var(--warn-ground); border-left: 4px solid var(--warn); border-radius: 4px;
  padding: .6rem .9rem; max-width: 46rem; margin: .75rem 0; }
nav { position: sticky; top: 0; z-index: 1; background: var(--ground); border-bottom: 1px solid var(--rule);
  margin-top: 1rem; }
nav ul { display: flex; gap: 0 1.1rem; overflow-x: auto; list-style: none; margin: 0 auto; padding: 0 1.25rem;
  max-width: 70rem; scrollbar-width: thin; }
nav li { margin: 0; white-space: nowrap; }
nav a { display: block; padding: .6rem 0; text-decoration: none; font-size: .92rem; }
nav a:hover, nav a:focus { text-decoration: underline; }
)css";

constexpr const char* part_rules = R"css(
.scrolls { overflow-x: auto; margin: .75rem 0; }
table { border-collapse: collapse; font-size: .94rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: 0 0 .35rem; }
th, td { padding: .38rem .8rem; border-bottom: 1px solid var(--rule); text-align: left; vertical-align: baseline; }
th:first-child, td:first-child { padding-left: .6rem; }
thead th { font-weight: 600; font-size: .86rem; color: var(--faint); vertical-align: bottom; }
tbody th { font-weight: 600; }
.numbers td, .numbers thead th:not(:first-child) { text-align: right; }
.numbers td { white-space: nowrap; }
.texts td { overflow-wrap: anywhere; }
tr.marked { background: var(--mark); }
.runs, .figures { display: grid; gap: 0 2rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 21rem), 1fr)); }
.run { min-width: 0; }
figure { margin: .75rem 0; min-width: 0; }
figcaption { margin-top: .25rem; }
svg { display: block; width: 100%; height: auto; font-size: 13px; }
svg text { fill: currentColor; }
svg .faint { fill: var(--faint); }
svg .strong { font-weight: 600; }
.axis { stroke: var(--faint); fill: none; }
.grid { stroke: var(--rule); }
.series { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.dashed { stroke-dasharray: 5 4; }
.edge { stroke: var(--faint); fill: none; }
.outlined { stroke: var(--faint); stroke-width: .6; }
details { margin: .5rem 0; }
summary { cursor: pointer; color: var(--accent); }
)css";

constexpr const char* print_rules = R"css(
@media print {
  nav { display: none; }
  body { background: #fff; font-size: 10.5pt; }
  header, main, footer { max-width: none; padding-left: 0; padding-right: 0; }
  figure, tr, .notice { break-inside: avoid; }
  h2, h3, caption { break-after: avoid; }
  .scrolls { overflow: visible; }
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
)css";

// The classes that take a colour for an area, a line or a text.
std::string colour_classes() {
  std::string rules;
  for (const char* name : {"s0",      "s1",     "s2",        "s3",         "s4",          "s5",
                           "train",   "ckpt",   "inference", "broadcast",  "destination", "h2d",
                           "rollout", "buffer", "direct",    "checkpoint", "wait",        "other",
                           "ink",     "faint",  "rule",      "raised",     "ground"}) {
    const std::string colour = std::string("var(--") + name + "); }\n";
    rules += std::string("svg .fill-") + name + " { fill: " + colour;
    rules += std::string("svg .line-") + name + " { stroke: " + colour;
  }
  return rules;
}

}  // namespace

const std::string& page_style() {
  static const std::string style =
      std::string("\n:root { color-scheme: light dark;\n") + light_colours +
      "}\n@media screen and (prefers-color-scheme: dark) { :root {\n" + dark_colours + "} }\n" +
      text_rules + part_rules + colour_classes() + print_rules;
  return style;
}

}  // namespace podium::report
