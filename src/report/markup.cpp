#include "report/markup.hpp"

#include <cmath>
#include <cstdint>

#include "core/error.hpp"
#include "core/text.hpp"

namespace podium::report {

class MarkupWriter {
 public:
  static Markup made(std::string html) {
    Markup markup;
    markup.html_ = std::move(html);
    return markup;
  }
};

namespace {

constexpr const char* replacement = "\xEF\xBF\xBD";

// How many bytes the character at the front of `text` has; 0 for bytes that are none (RFC 3629).
size_t character_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) return 0;
  }
  const bool overlong = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xF0 && byte(1) < 0x90);
  const bool surrogate = first == 0xED && byte(1) > 0x9F;
  const bool beyond = first == 0xF4 && byte(1) > 0x8F;
  const bool none = first == 0xEF && byte(1) == 0xBF && byte(2) >= 0xBE;  // U+FFFE, U+FFFF
  return overlong || surrogate || beyond || none ? 0 : length;
}

void add_ascii(char c, std::string* html) {
  switch (c) {
    case '<':
      *html += "&lt;";
      return;
    case '>':
      *html += "&gt;";
      return;
    case '&':
      *html += "&amp;";
      return;
    case '"':
      *html += "&quot;";
      return;
    case '\'':
      *html += "&#39;";
      return;
    case '\n':
    case '\t':
      *html += c;
      return;
    default:
      if (static_cast<uint8_t>(c) < 0x20 || c == 0x7F) {
        *html += replacement;
      } else {
        *html += c;
      }
  }
}

std::string opening(std::string_view name, const Attributes& attributes) {
  std::string html = "<" + std::string(name);
  for (const Attribute& attribute : attributes) {
    html += std::string(" ") + attribute.name + "=\"" + escaped(attribute.value) + "\"";
  }
  return html;
}

std::string closing(std::string_view name) {
  return "</" + std::string(name) + ">";
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string html;
  html.reserve(text.size());
  while (!text.empty()) {
    const size_t length = character_length(text);
    if (length == 1) {
      add_ascii(text.front(), &html);
    } else {
      html += length == 0 ? std::string_view(replacement) : text.substr(0, length);
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return html;
}

Attribute::Attribute(const char* key, double number)
    : name(key), value(format("%g", std::round(number * 10) / 10)) {}

Markup tag(std::string_view name, const Attributes& attributes, const Markup& content) {
  return MarkupWriter::made(opening(name, attributes) + ">" + content.html() + closing(name));
}

Markup tag(std::string_view name, const Markup& content) {
  return tag(name, {}, content);
}

Markup leaf(std::string_view name, const Attributes& attributes) {
  return MarkupWriter::made(opening(name, attributes) + "/>");
}

Markup verbatim(std::string_view name, const Attributes& attributes, std::string_view text) {
  require(text.find_first_of("<&") == std::string_view::npos &&
              text.find("]]>") == std::string_view::npos,
          "text that would end its element", std::string(name).c_str());
  return MarkupWriter::made(opening(name, attributes) + ">" + std::string(text) + closing(name));
}

Markup drawing(const std::string& svg) {
  return MarkupWriter::made(svg);
}

}  // namespace podium::report
