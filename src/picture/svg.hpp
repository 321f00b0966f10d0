// Svg: a picture that is written element by element.
//
// Colours are classes, so that a picture fits light and dark pages. Places
// across may be shares of the width, so that a picture as wide as its page keeps letters of one
// size. What elements say is escaped; a picture has a title and a description for those who do not
// see it. Values, for one thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace podium::picture {

// Classes take a colour of palette.hpp for an area (fill-train), or for a line or text (line-s0).
// The rules for them and for the lines of pictures, as CSS: once in a page, or in a picture of its
// own.
std::string rules();

// What letters of the pictures' size take, about; never less than they do.
inline constexpr double letter_width = 6.6;
inline constexpr double line_height = 16;
double text_width(std::string_view text);

// A place or width across: units of the picture, or a share of its width.
struct Across {
  double value = 0;
  bool share = false;  // of the width, 0 to 1

  Across(double units) : value(units) {}  // NOLINT: a number is a place
  static Across of_width(double part) {
    Across across(part);
    across.share = true;
    return across;
  }
};

// A text, and how it stands in the picture where that is more than the text: numbers of a page are
// elements that name where in its data they stand.
struct Words {
  std::string text = {};
  std::string markup = {};  // inside of a <text>; empty: the text

  Words(std::string says, std::string inside = {})  // NOLINT: a text is words
      : text(std::move(says)), markup(std::move(inside)) {}
  Words(const char* says) : text(says) {}  // NOLINT
  Words() = default;
};

enum class Anchor { start, middle, end };

// What a picture is about. `name` tells it apart from others of its page: letters and dashes.
struct About {
  std::string name = {};
  std::string title = {};
  std::string description = {};
};

class Svg {
 public:
  void rectangle(Across x, double y, Across width, double height, std::string_view kind,
                 std::string_view tip = {});
  void block(double x, double y, double width, double height, std::string_view kind);  // rounded
  void text(Across x, double y, Anchor anchor, const Words& words, std::string_view kind = {});
  void upright(double x, double y, const Words& words, std::string_view kind);  // read from below
  void line(Across x1, double y1, Across x2, double y2, std::string_view kind);
  void polyline(const std::string& points, std::string_view kind);
  void path(const std::string& d, std::string_view kind);
  void dot(double x, double y, double radius, std::string_view kind, std::string_view tip = {},
           std::string_view key = {});
  void open(double shift_x, double shift_y);  // what follows is shifted, up to close()
  void close();

  // As a part of a page: as wide as what it stands in, up to `width`; drawn larger or smaller.
  std::string scaled(const About& about, double width, double height) const;
  // As a part of a page, as wide as what it stands in: only shares of the width grow.
  std::string stretched(const About& about, double height) const;
  // As a file of its own. An XML document.
  std::string document(const About& about, double width, double height) const;
  // The same with a margin around it, within which shares of the width are meant.
  std::string framed(const About& about, double width, double height, double margin) const;

 private:
  std::string body_;
};

// Text as it may stand in XML, also between quotes.
std::string escaped(std::string_view text);

// Entries of a legend.
struct Meaning {
  std::string kind = {};
  std::string text = {};
};
// Draws a legend from `y` on, in rows that fit `width`; the y below it.
double draw_legend(Svg& svg, const std::vector<Meaning>& meanings, double y, double width);

}  // namespace podium::picture
