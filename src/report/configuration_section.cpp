// How the runs were configured: what differs between them, and from the defaults.
#include <algorithm>
#include <set>

#include "report/sections.hpp"
#include "report/table.hpp"

namespace podium::report {
namespace {

// Where a run lies says nothing about how it went.
bool is_place(const std::string& key) {
  return key == "run.dir";
}

Markup setting(const RunData& run, const std::string& key) {
  const std::string value = run["config"][key.c_str()].text();
  return value.empty() ? Markup("–") : tag("code", value);
}

std::string raw(const RunData& run, const std::string& key) {
  return run["config"][key.c_str()].text();
}

// In the order of the first run's file, then of the next ones.
std::vector<std::string> keys_of(const std::vector<RunData>& runs) {
  std::vector<std::string> keys;
  std::set<std::string> known;
  for (const RunData& run : runs) {
    for (const auto& [key, value] : run.data["config"].items()) {
      if (known.insert(key).second) keys.push_back(key);
    }
  }
  return keys;
}

Markup table_of(const std::vector<RunData>& runs, const std::vector<std::string>& keys,
                const std::string& caption) {
  Table table;
  table.caption = caption;
  table.numbers = false;
  table.headings = {"Option"};
  for (const RunData& run : runs) table.headings.push_back(runs.size() > 1 ? run.name : "Value");
  table.headings.push_back("Default");
  for (const std::string& key : keys) {
    Table::Row row{{tag("code", key)}};
    for (const RunData& run : runs) row.cells.push_back(setting(run, key));
    const std::string usual = runs.front()["defaults"][key.c_str()].text();
    row.cells.push_back(usual.empty() ? Markup("–") : tag("code", usual));
    table.rows.push_back(std::move(row));
  }
  return table.markup();
}

}  // namespace

void configuration_section(const std::vector<RunData>& runs, Page& page) {
  std::vector<std::string> differing;
  std::vector<std::string> changed;
  for (const std::string& key : keys_of(runs)) {
    if (is_place(key) && runs.size() > 1) continue;
    const auto differs = [&](const RunData& run) { return raw(run, key) != raw(runs[0], key); };
    const auto is_set = [&](const RunData& run) { return bool(run["defaults"][key.c_str()]); };
    if (std::ranges::any_of(runs, differs)) {
      differing.push_back(key);
    } else if (std::ranges::any_of(runs, is_set)) {
      changed.push_back(key);
    }
  }
  if (differing.empty() && changed.empty()) return;
  page.section("configuration", "Configuration");
  if (runs.size() > 1 && differing.empty()) {
    page.paragraph("The runs have the same configuration.");
  }
  if (!differing.empty()) page.add(table_of(runs, differing, "What differs between the runs"));
  if (!changed.empty()) {
    page.add(table_of(runs, changed,
                      runs.size() > 1 ? "What all set alike, other than the defaults"
                                      : "What differs from the defaults"));
  }
}

}  // namespace podium::report
