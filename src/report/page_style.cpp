#include "report/page_style.hpp"

#include "picture/palette.hpp"
#include "picture/svg.hpp"

namespace podium::report {
namespace {

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
ul.notice { list-style: none; }
nav { position: sticky; top: 0; z-index: 1; background: var(--ground); border-bottom: 1px solid var(--rule);
  margin-top: 1rem; }
nav ul { display: flex; gap: 0 1.1rem; overflow-x: auto; list-style: none; margin: 0 auto; padding: 0 1.25rem;
  max-width: 70rem; scrollbar-width: thin; }
nav li { margin: 0; white-space: nowrap; }
nav a { display: block; padding: .6rem 0; text-decoration: none; font-size: .92rem; }
nav a:hover, nav a:focus { text-decoration: underline; }
@media (min-width: 60rem) {
  html { scroll-padding-top: 6rem; }
  nav ul { flex-wrap: wrap; }
  nav a { padding: .35rem 0; }
}
)css";

constexpr const char* part_rules = R"css(
.scrolls { overflow-x: auto; margin: .75rem 0; }
table { border-collapse: collapse; font-size: .94rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: 0 0 .35rem; position: sticky; left: 0; width: max-content;
  max-width: min(44rem, calc(100vw - 2.5rem)); }
th, td { padding: .38rem .8rem; border-bottom: 1px solid var(--rule); text-align: left; vertical-align: baseline; }
th:first-child, td:first-child { padding-left: .6rem; }
thead th { font-weight: 600; font-size: .86rem; color: var(--faint); vertical-align: bottom; }
tbody th { font-weight: 600; }
.numbers td, .numbers thead th:not(:first-child) { text-align: right; }
.numbers td { white-space: nowrap; }
.texts td { overflow-wrap: break-word; min-width: 7rem; }
.texts tbody th { min-width: 6.5rem; }
.texts td:nth-child(5) { min-width: 20rem; }
.texts th code, li code { white-space: nowrap; }
.scrolls tbody th { position: sticky; left: 0; background: var(--ground); }
.scrolls tr.marked th { background: var(--mark); }
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
h4 { font-size: .95rem; margin: 1rem 0 .3rem; }
.matrix { font-size: .86rem; }
.matrix th, .matrix td { padding: .28rem .5rem; }
.matrix td.right, .matrix td.wrong { text-align: center; min-width: 2.4rem; border: 1px solid var(--ground); }
.matrix td.right { background: rgba(var(--heat), var(--strength)); }
.matrix td.wrong { background: rgba(var(--wrong), var(--strength)); }
.matrix .upright span { writing-mode: vertical-rl; transform: rotate(180deg); display: inline-block; }
.numbers.matrix thead th.upright { text-align: center; }
.mistakes { display: grid; gap: .5rem 1rem; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); }
.mistakes figure { margin: .25rem 0; }
.mistakes img { width: 84px; height: 84px; object-fit: contain; image-rendering: pixelated; background: #808080;
  border-radius: 4px; display: block; }
.mistakes figcaption { font-size: .8rem; line-height: 1.35; }
.mistakes strong { color: var(--ink); font-weight: 600; }
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
  table, .matrix { font-size: 8.5pt; }
  th, td { padding: .25rem .45rem; }
  .matrix th, .matrix td { padding: .2rem .3rem; }
  .matrix td.right, .matrix td.wrong { min-width: 2rem; }
  .texts td { min-width: 4rem; }
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
  static const std::string style = std::string("\n:root { color-scheme: light dark;\n") +
                                   std::string(picture::light_colours()) +
                                   "}\n@media screen and (prefers-color-scheme: dark) { :root {\n" +
                                   std::string(picture::dark_colours()) + "} }\n" + text_rules +
                                   part_rules + colour_classes() + picture::rules() + print_rules;
  return style;
}

}  // namespace podium::report
