// Markup: a piece of HTML or SVG that is well formed by construction.
//
// A text that becomes Markup is escaped, so that a name of a user's can never be read as an
// element; only tag() and leaf() make elements. What comes out is HTML that an XML parser reads as
// well. Values, for one thread.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace podium::report {

// Text as it stands between tags and in attributes. Bytes that are no UTF-8, and control characters
// that no document may hold, become U+FFFD.
std::string escaped(std::string_view text);

class Markup {
 public:
  Markup() = default;
  Markup(const char* text) : html_(escaped(text)) {}         // NOLINT(*-explicit-*)
  Markup(std::string_view text) : html_(escaped(text)) {}    // NOLINT(*-explicit-*)
  Markup(const std::string& text) : html_(escaped(text)) {}  // NOLINT(*-explicit-*)

  const std::string& html() const { return html_; }
  bool empty() const { return html_.empty(); }

  Markup& operator+=(const Markup& other) {
    html_ += other.html_;
    return *this;
  }
  friend Markup operator+(Markup left, const Markup& right) { return left += right; }

 private:
  friend class MarkupWriter;
  std::string html_;
};

struct Attribute {
  Attribute(const char* key, const char* text) : name(key), value(text) {}
  Attribute(const char* key, std::string text) : name(key), value(std::move(text)) {}
  // In tenths at most: of places in a picture.
  Attribute(const char* key, double number);

  const char* name;
  std::string value;
};

using Attributes = std::vector<Attribute>;

// <name attributes>content</name>. REQUIRES: content that fits the element.
Markup tag(std::string_view name, const Attributes& attributes, const Markup& content);
// The same without attributes.
Markup tag(std::string_view name, const Markup& content);
// <name attributes/>, an element that has no content.
Markup leaf(std::string_view name, const Attributes& attributes);
// <name attributes>text</name> for the elements whose text HTML takes as it is: style, and script
// with data. REQUIRES: `text` holds none of <, & and ]]>.
Markup verbatim(std::string_view name, const Attributes& attributes, std::string_view text);
// A picture made by src/picture, which is well formed by that room's tests.
Markup drawing(const std::string& svg);

}  // namespace podium::report
