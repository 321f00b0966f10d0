// Screen: lines for a terminal, and what is to be known of the terminal that they are for.
//
// Both live views draw with it: the one of a job (live_view.hpp) and the one of a service
// (top/terminal.hpp). All pure, but for terminal_size(), the wishes of the environment and write.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace podium::screen {

struct Line {
  enum class Colour { plain, bold, green, yellow, red };
  std::string text;
  Colour colour = Colour::plain;
};

// The number of characters of `text`, which is UTF-8. Each is taken for one column wide.
size_t length_of(std::string_view text);

// The first `columns` characters of `text`.
std::string_view cut(std::string_view text, size_t columns);

// `line` cut to `columns`, in colour where that is asked for; 0 columns: not cut.
std::string to_text(const Line& line, size_t columns, bool colours);

// The lines, each with its end.
std::string to_text(const std::vector<Line>& lines, size_t columns, bool colours);

struct Size {
  size_t columns = 0;  // 0: not known
  size_t rows = 0;
  bool operator==(const Size&) const = default;
};

// Of the terminal behind `descriptor`; else of the one that controls this process, as ranks of a
// launcher have pipes; else what the launcher said in PODIUM_TERMINAL.
Size terminal_size(int descriptor);

// "120x40", and what may follow it, as the launcher says it.
Size parse_size(std::string_view text);

// Whether the environment lets terminals have colours (https://no-color.org), and whether it says
// that they show more than ASCII.
bool wants_colours();
bool shows_utf8();

// Writes all of `text`; false when that fails, with errno.
bool write_all(int descriptor, std::string_view text);

}  // namespace podium::screen
