#include "core/picture.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>

#include "core/text.hpp"

namespace podium {
namespace {

using screen::Line;
using State = BoardItem::State;

constexpr size_t most_label = 20;
constexpr size_t least_for_bars = 36;   // columns
constexpr size_t least_for_times = 24;  // columns
constexpr size_t longest_bar = 40;

// The columns that all lines of a picture share.
struct Layout {
  size_t label = 0;
  size_t bar = 0;  // 0: none is drawn
  bool times = true;
};

// Printable, and on one line: what comes from elsewhere does not move the cursor.
std::string plain(std::string_view text) {
  std::string clean(text);
  std::ranges::replace_if(
      clean, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, ' ');
  return clean;
}

std::string padded(std::string_view text, size_t columns) {
  std::string cell(screen::cut(text, columns));
  return cell.append(columns - screen::length_of(cell), ' ');
}

std::string repeated(std::string_view piece, size_t times) {
  std::string text;
  for (size_t i = 0; i < times; ++i) text += piece;
  return text;
}

Layout layout_of(const Board::Contents& board, size_t columns) {
  Layout layout;
  for (const BoardItem& item : board.items) {
    layout.label = std::max(layout.label, screen::length_of(item.label));
  }
  layout.label = std::min({layout.label, most_label, std::max<size_t>(columns / 3, 6)});
  layout.bar = columns < least_for_bars ? 0 : std::min(columns / 4, longest_bar);
  layout.times = columns >= least_for_times;
  return layout;
}

// Eighths of a column where the terminal has them.
std::string bar_text(double share, size_t columns, bool utf8) {
  if (!utf8) {
    const size_t inside = columns - 2;
    const auto full = static_cast<size_t>(share * static_cast<double>(inside));
    return "[" + std::string(full, '#') + std::string(inside - full, '.') + "]";
  }
  static constexpr std::array<const char*, 8> eighths = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const auto parts = static_cast<size_t>(share * static_cast<double>(columns * 8));
  const size_t full = parts / 8;
  const char* edge = eighths[parts % 8];
  const size_t rest = columns - full - (*edge != '\0' ? 1 : 0);
  return repeated("█", full) + edge + repeated("░", rest);
}

std::string time_text(const BoardItem& item) {
  if (item.state != State::running) return "in " + duration_text(item.seconds);
  return item.left_s < 0 ? "" : duration_text(item.left_s) + " left";
}

// Bar, share and time, each in its column.
std::string bar_cells(const BoardItem& item, const Layout& layout, bool utf8) {
  constexpr size_t time_columns = 15;  // "59 min 59 s left" is rare
  std::string cells;
  if (item.advance.total > 0) {
    const double share = std::clamp(item.advance.done / item.advance.total, 0.0, 1.0);
    if (layout.bar > 0) cells += bar_text(share, layout.bar, utf8) + " ";
    cells += format("%3.0f%%", std::floor(share * 100));
  } else {
    cells += format("%.0f", item.advance.done);
    if (!item.advance.unit.empty()) cells += " " + item.advance.unit;
  }
  if (!layout.times) return cells;
  const std::string time = time_text(item);
  const bool last = item.advance.note.empty();
  cells += "  " + (last ? time : padded(time, std::max(time_columns, time.size())));
  return cells;
}

Line line_of(const BoardItem& item, const Layout& layout, const Canvas& canvas) {
  std::string text = padded(plain(item.label), layout.label) + "  ";
  if (item.bar) text += bar_cells(item, layout, canvas.utf8) + "  ";
  text += plain(item.advance.note);
  text = screen::cut(text, canvas.columns);
  text.erase(text.find_last_not_of(' ') + 1);
  const Line::Colour colour = item.state == State::failed             ? Line::Colour::red
                              : item.bar && item.state == State::done ? Line::Colour::green
                                                                      : Line::Colour::plain;
  return {text, colour};
}

// Those that are done go first, and of them the oldest; at the end the last ones.
std::vector<BoardItem> fitting(std::vector<BoardItem> items, size_t room) {
  while (items.size() > room) {
    const auto done = std::ranges::find_if(
        items, [](const BoardItem& item) { return item.bar && item.state == State::done; });
    items.erase(done == items.end() ? items.end() - 1 : done);
  }
  return items;
}

}  // namespace

std::vector<Line> picture_of(const Board::Contents& board, const Canvas& canvas) {
  std::vector<Line> lines;
  if (canvas.rows == 0 || canvas.columns == 0 || board.items.empty()) return lines;
  const std::string title = plain(board.title) + "  " + duration_text(board.seconds);
  lines.push_back({std::string(screen::cut(title, canvas.columns)), Line::Colour::bold});
  const Layout layout = layout_of(board, canvas.columns);
  std::vector<BoardItem> items = fitting(board.items, canvas.rows - 1);
  for (const BoardItem& item : items) lines.push_back(line_of(item, layout, canvas));
  if (items.size() < board.items.size() && lines.size() > 2) {
    const size_t hidden = board.items.size() - items.size() + 1;
    const std::string more = "and " + std::to_string(hidden) + " more";
    lines.back() = {std::string(screen::cut(more, canvas.columns)), Line::Colour::plain};
  }
  return lines;
}

}  // namespace podium
