#include "bench/table.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/text.hpp"

namespace podium::bench {
namespace {

std::string number(const std::optional<double>& value) {
  if (!value) return "-";
  const double size = std::abs(*value);
  if (size != 0 && size < 0.01) return format("%.2e", *value);
  return format(size < 10 ? "%.3f" : size < 1000 ? "%.2f" : "%.0f", *value);
}

}  // namespace

std::string to_text(const std::vector<Row>& rows) {
  size_t widest = 4;
  for (const Row& row : rows) widest = std::max(widest, row.what.size());
  const int width = static_cast<int>(widest);
  std::string text = format("%-*s %-9s %10s %7s %10s %8s %10s  %s\n", width, "what", "unit", "ours",
                            "spread", "theirs", "ratio", "limit", "note");
  for (const Row& row : rows) {
    text += format("%-*s %-9s %10s %6.0f%% %10s %8s %10s  %s\n", width, row.what.c_str(),
                   row.unit.c_str(), number(row.ours).c_str(), 100 * row.spread,
                   number(row.theirs).c_str(), number(row.ratio).c_str(), number(row.limit).c_str(),
                   row.note.c_str());
  }
  return text;
}

nlohmann::ordered_json to_json(const std::vector<Row>& rows) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const Row& row : rows) {
    nlohmann::ordered_json entry = {
        {"what", row.what}, {"unit", row.unit}, {"ours", row.ours}, {"spread", row.spread}};
    if (row.theirs) entry["theirs"] = *row.theirs;
    if (row.ratio) entry["ratio"] = *row.ratio;
    if (row.limit) entry["limit"] = *row.limit;
    if (!row.note.empty()) entry["note"] = row.note;
    json.push_back(std::move(entry));
  }
  return json;
}

}  // namespace podium::bench
