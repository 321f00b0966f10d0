// Where the runs ran, and on what data.
#include <algorithm>
#include <set>

#include "report/sections.hpp"
#include "report/table.hpp"

namespace podium::report {
namespace {

// Texts of a list, each once, in their order; a text as it is.
Markup texts(const Place& place) {
  if (!place.text().empty()) return place.text();
  std::set<std::string> known;
  std::string all;
  for (size_t i = 0; i < place.size(); ++i) {
    const std::string text = place[i].text();
    if (!text.empty() && known.insert(text).second) all += (all.empty() ? "" : ", ") + text;
  }
  return all.empty() ? Markup("–") : Markup(all);
}

// "train 0, 1; serve 0"
Markup roles(const Place& place) {
  std::string all;
  if (place.size() == 0 || !place.json().is_object()) return "–";
  for (const auto& [role, ranks] : place.json().items()) {
    if (!ranks.is_array() || ranks.empty()) continue;
    all += (all.empty() ? "" : "; ") + role;
    for (size_t i = 0; i < ranks.size(); ++i) all += (i == 0 ? " " : ", ") + ranks[i].dump();
  }
  return all;
}

using Fact = Markup (*)(const RunData&);

// In the order of the table.
const std::vector<std::pair<const char*, Fact>>& facts() {
  static const std::vector<std::pair<const char*, Fact>> all = {
      {"Run folder", [](const RunData& run) { return tag("code", run["folder"].text()); }},
      {"Started", [](const RunData& run) { return texts(run.last("started")["time"]); }},
      {"Podium", [](const RunData& run) { return texts(run.last("started")["version"]); }},
      {"Ranks",
       [](const RunData& run) { return quantity(run.last("started")["ranks"], As::count); }},
      {"Roles, with their ranks",
       [](const RunData& run) { return roles(run.last("started")["roles"]); }},
      {"Nodes", [](const RunData& run) { return texts(run.last("started")["nodes"]); }},
      {"Devices", [](const RunData& run) { return texts(run.last("started")["devices"]); }},
      {"Threads of a trainer",
       [](const RunData& run) { return quantity(run.last("started")["threads"], As::count); }},
      {"Data", [](const RunData& run) { return texts(run["config"]["io.source"]); }},
      {"Records",
       [](const RunData& run) { return quantity(run.last("ingested")["records"], As::count); }},
      {"Cache",
       [](const RunData& run) { return quantity(run.last("ingested")["bytes"], As::bytes); }},
      {"Memory of ingest, at most",
       [](const RunData& run) {
         return quantity(run.last("ingested")["peak_rss_bytes"], As::bytes);
       }},
      {"Weights last sent to replicas",
       [](const RunData& run) { return quantity(run.last("moved")["bytes"], As::bytes); }},
  };
  return all;
}

}  // namespace

void facts_section(const std::vector<RunData>& runs, Page& page) {
  Table table;
  table.caption = "Ranks, machines and data";
  table.numbers = false;
  table.headings = {""};
  for (const RunData& run : runs) table.headings.push_back(runs.size() > 1 ? run.name : "");
  const std::string dash = Markup("–").html();
  for (const auto& [name, fact] : facts()) {
    Table::Row row{{name}};
    for (const RunData& run : runs) row.cells.push_back(fact(run));
    const bool empty = std::all_of(row.cells.begin() + 1, row.cells.end(),
                                   [&](const Markup& cell) { return cell.html() == dash; });
    if (!empty) table.rows.push_back(std::move(row));
  }
  page.section("facts", "Where it ran");
  page.add(table.markup());
}

}  // namespace podium::report
