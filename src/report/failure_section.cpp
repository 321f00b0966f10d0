// What is known of runs that did not reach their end, and what could not be read.
#include <algorithm>

#include "report/sections.hpp"

namespace podium::report {
namespace {

Markup rank_of(const Place& failed) {
  const Place rank = failed["rank"];
  if (!rank) return "A rank";
  const std::string role = failed["role"].text();
  return "Rank " + quantity(rank, As::count) +
         (role.empty() ? Markup() : " (" + Markup(role) + ")");
}

Markup deaths(const RunData& run) {
  Markup items;
  for (const Place& failed : run.own_events("failed")) {
    Markup item = rank_of(failed) + ": " + failed["text"].text("it said nothing");
    if (failed["exit_code"]) {
      item += " (exit code " + quantity(failed["exit_code"], As::count) + ")";
    }
    items += tag("li", item);
  }
  return items.empty() ? items : tag("ul", {{"class", "notice"}}, items);
}

// The last thing a run told before it fell silent.
Markup last_sign(const RunData& run) {
  if (run.own.empty()) return tag("p", "It has left no events.");
  const Place event = run["events"][run.own.back()];
  return tag("p", "The last event, " + tag("code", event["event"].text("?")) + ", came after " +
                      quantity(event["t_s"], As::seconds) + ".");
}

Markup last_words(const RunData& run) {
  Markup logs;
  const Place all = run["logs"];
  if (all.size() == 0) return {};
  for (const auto& [name, lines] : all.json().items()) {
    std::string text;
    for (const Json& line : lines) text += line.get<std::string>() + "\n";
    logs += tag("h4", name) + tag("pre", {{"tabindex", "0"}}, text);
  }
  return tag("h3", "Last words") + logs;
}

Markup left_out(const RunData& run) {
  Markup text;
  if (run["damaged"].number_or(0) > 0) {
    text += tag("p", {{"class", "notice"}},
                quantity(run["damaged"], As::count) +
                    " lines or files of this folder could not be read: a writer was killed, or "
                    "is writing still. The page is about the rest.");
  }
  return text;
}

Markup failure_of(const RunData& run) {
  const std::string state = run["state"].text();
  Markup text = left_out(run);
  if (state == "failed" || state == "unfinished") {
    text += deaths(run) + last_sign(run) + last_words(run);
  } else if (state == "running") {
    text += tag("p", {{"class", "notice"}},
                "The run is under way: this page is about what it has done so far.");
  }
  return text;
}

}  // namespace

void failure_section(const std::vector<RunData>& runs, Page& page) {
  std::vector<Markup> blocks;
  for (const RunData& run : runs) blocks.push_back(failure_of(run));
  if (std::ranges::all_of(blocks, &Markup::empty)) return;
  const bool failed = std::ranges::any_of(runs, [](const RunData& run) {
    return run["state"].text() == "failed" || run["state"].text() == "unfinished";
  });
  page.section("end", failed ? "What went wrong" : "What is missing");
  page.add(side_by_side(runs, blocks));
}

}  // namespace podium::report
