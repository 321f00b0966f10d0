// Table: rows of cells under headings, as HTML.
#pragma once

#include <string>
#include <vector>

#include "report/markup.hpp"

namespace podium::report {

struct Table {
  std::string caption;
  std::vector<Markup> headings;  // of which the first is that of the rows' names
  struct Row {
    std::vector<Markup> cells;
    bool marked = false;  // the row of the winner
  };
  std::vector<Row> rows;
  bool numbers = true;  // cells are numbers, to the right; else texts

  // In a frame that scrolls where the page is narrow.
  Markup markup() const;
};

}  // namespace podium::report
