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

  // Removes columns in which every row has only a dash, but the first.
  void drop_empty_columns();

  // In a frame that scrolls where the page is narrow.
  Markup markup() const;
};

}  // namespace podium::report
