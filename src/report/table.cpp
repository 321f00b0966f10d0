#include "report/table.hpp"

#include <algorithm>

namespace podium::report {

void Table::drop_empty_columns() {
  const std::string dash = Markup("–").html();
  for (size_t i = headings.size(); i-- > 1;) {
    const auto is_empty = [&](const Row& row) { return row.cells[i].html() == dash; };
    if (!std::ranges::all_of(rows, is_empty)) continue;
    const auto at = static_cast<std::ptrdiff_t>(i);
    headings.erase(headings.begin() + at);
    for (Row& row : rows) row.cells.erase(row.cells.begin() + at);
  }
}

Markup Table::markup() const {
  Markup head;
  for (const Markup& heading : headings) head += tag("th", {{"scope", "col"}}, heading);
  Markup body;
  for (const Row& row : rows) {
    Markup cells;
    for (size_t i = 0; i < row.cells.size(); ++i) {
      cells += i == 0 ? tag("th", {{"scope", "row"}}, row.cells[i]) : tag("td", row.cells[i]);
    }
    body += row.marked ? tag("tr", {{"class", "marked"}}, cells) : tag("tr", cells);
  }
  const Markup table =
      tag("table", {{"class", numbers ? "numbers" : "texts"}},
          tag("caption", caption) + tag("thead", tag("tr", head)) + tag("tbody", body));
  // It can be reached, and scrolled, by keyboard.
  return tag("div",
             {{"class", "scrolls"}, {"tabindex", "0"}, {"role", "region"}, {"aria-label", caption}},
             table);
}

}  // namespace podium::report
