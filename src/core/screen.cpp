#include "core/screen.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "core/file_descriptor.hpp"

namespace podium::screen {
namespace {

using Colour = Line::Colour;

const char* escape_of(Colour colour) {
  switch (colour) {
    case Colour::bold:
      return "\x1b[1m";
    case Colour::green:
      return "\x1b[32m";
    case Colour::yellow:
      return "\x1b[33m";
    case Colour::red:
      return "\x1b[31m";
    case Colour::plain:
      break;
  }
  return "";
}

// In UTF-8 the bytes of a character after its first have these two bits.
bool begins_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0) != 0x80;
}

Size size_of(int descriptor) {
  winsize size{};
  if (::ioctl(descriptor, TIOCGWINSZ, &size) != 0) return {};
  return {size.ws_col, size.ws_row};
}

std::string_view variable(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? "" : text;
}

}  // namespace

size_t length_of(std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(text, begins_character));
}

std::string_view cut(std::string_view text, size_t columns) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (!begins_character(text[i])) continue;
    if (columns == 0) return text.substr(0, i);
    --columns;
  }
  return text;
}

std::string to_text(const Line& line, size_t columns, bool colours) {
  const std::string shown(columns > 0 ? cut(line.text, columns) : line.text);
  if (!colours || line.colour == Colour::plain) return shown;
  return escape_of(line.colour) + shown + "\x1b[0m";
}

std::string to_text(const std::vector<Line>& lines, size_t columns, bool colours) {
  std::string text;
  for (const Line& line : lines) text += to_text(line, columns, colours) + "\n";
  return text;
}

Size parse_size(std::string_view text) {
  const std::string words(text);
  char* end = nullptr;
  const unsigned long columns = std::strtoul(words.c_str(), &end, 10);
  if (columns == 0 || *end != 'x') return {};
  const unsigned long rows = std::strtoul(end + 1, nullptr, 10);
  return {std::min(columns, 10000UL), std::min(rows, 10000UL)};
}

Size terminal_size(int descriptor) {
  Size size = size_of(descriptor);
  if (size.columns == 0) {
    const FileDescriptor own(::open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC));
    if (own) size = size_of(own.get());
  }
  return size.columns > 0 ? size : parse_size(variable("PODIUM_TERMINAL"));
}

bool wants_colours() {
  return variable("NO_COLOR").empty();
}

// As the C library chooses a locale; a program that sets none works in "C" all the same.
bool shows_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string_view locale = variable(name);
    if (locale.empty()) continue;
    for (const char* charset : {"UTF-8", "utf-8", "UTF8", "utf8"}) {
      if (locale.find(charset) != std::string_view::npos) return true;
    }
    return false;
  }
  return false;
}

bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno != EINTR) return false;
    if (written > 0) text.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

}  // namespace podium::screen
