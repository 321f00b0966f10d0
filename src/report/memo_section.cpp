// What was not done twice: steps that were reused, and reads that were met from memory.
#include <algorithm>

#include "report/drawn.hpp"
#include "report/sections.hpp"
#include "report/table.hpp"

namespace podium::report {
namespace {

constexpr size_t most_decisions = 40;  // the last ones

Markup decisions(const RunData& run) {
  const Place memo = run["memo"];
  if (memo.size() == 0) return {};
  Table table;
  table.caption = "Steps, and whether they had to be done; the last is the newest";
  table.numbers = false;
  table.headings = {"Step", "", "Took", "Saved", "Why"};
  for (size_t i = memo.size() - std::min(memo.size(), most_decisions); i < memo.size(); ++i) {
    const Place decision = memo[i];
    table.rows.push_back(
        {{decision["step"].text("?"), decision["reused"].truth() ? "reused" : "done",
          quantity(decision["seconds"], As::seconds),
          decision["reused"].truth() ? quantity(decision["saved_s"], As::seconds) : Markup("–"),
          decision["reason"].text()},
         decision["reused"].truth()});
  }
  return table.markup();
}

Markup saved(const RunData& run, Page& page) {
  double all = 0;
  const Place memo = run["memo"];
  for (size_t i = 0; i < memo.size(); ++i) all += memo[i]["saved_s"].number_or(0);
  if (all <= 0) return {};
  return tag("p", "Steps that were reused saved " +
                      page.derived("saved/" + std::to_string(run.index), all, As::seconds) + ".");
}

Markup memory(const RunData& run) {
  Place report = run.result()["memory_cache"];
  if (!report) report = run.last("memory_cache")["report"];
  if (!report["hits"]) return {};
  return tag("p",
             "Of the blocks of images that training read, " + quantity(report["hits"], As::count) +
                 " were in memory and " + quantity(report["misses"], As::count) +
                 " came from disk (" + quantity(report["bytes_read"], As::bytes) + "); " +
                 quantity(report["evictions"], As::count) + " were put out again. Memory saved " +
                 quantity(report["saved_s"], As::seconds) + " of reading.");
}

}  // namespace

void memo_section(const std::vector<RunData>& runs, Page& page) {
  section_of_each(runs, page, "memo", "What was not done twice",
                  [](const RunData& run, Page& where) {
                    return saved(run, where) + memory(run) + decisions(run);
                  });
}

}  // namespace podium::report
