#include "picture/svg.hpp"

#include <array>
#include <cmath>

#include "core/text.hpp"
#include "picture/palette.hpp"

namespace podium::picture {
namespace {

std::string place(const Across& across) {
  return across.share ? format("%.3f%%", across.value * 100) : format("%.2f", across.value);
}

const char* to_string(Anchor anchor) {
  constexpr std::array<const char*, 3> names = {"start", "middle", "end"};
  return names.at(static_cast<size_t>(anchor));
}

std::string attribute(const char* name, std::string_view value) {
  return value.empty() ? "" : format(" %s=\"", name) + escaped(value) + "\"";
}

// An element that has a tip, shown by viewers where the pointer rests.
std::string element(const char* name, const std::string& attributes, std::string_view tip) {
  const std::string opening = format("<%s", name) + attributes;
  if (tip.empty()) return opening + "/>\n";
  return opening + "><title>" + escaped(tip) + "</title></" + name + ">\n";
}

std::string inside(const Words& words) {
  return words.markup.empty() ? escaped(words.text) : words.markup;
}

std::string head(const About& about) {
  const std::string name = escaped(about.name);
  return " role=\"img\" aria-labelledby=\"" + name + "-title " + name + "-text\"><title id=\"" +
         name + "-title\">" + escaped(about.title) + "</title><desc id=\"" + name + "-text\">" +
         escaped(about.description) + "</desc>\n";
}

}  // namespace

std::string rules() {
  std::string rules =
      ".picture{display:block;font:12px system-ui,sans-serif;color:var(--ink)}\n"
      ".picture text{fill:currentColor}.picture .faint{fill:var(--faint);font-size:inherit}\n"
      ".picture .small{font-size:10.5px}.picture .strong{font-weight:600}\n"
      ".picture rect{stroke:#555;stroke-width:.3}.picture .on{fill:#1a1a1a}\n"
      ".picture .room{fill:none;stroke:var(--faint);stroke-width:1}\n"
      ".picture .axis{stroke:var(--faint);fill:none}.picture .grid{stroke:var(--rule)}\n"
      ".picture .series{fill:none;stroke-width:2}.picture .broken{stroke-dasharray:2 4}\n"
      ".picture .pale{opacity:.35}\n"
      ".picture .ideal{stroke:var(--faint);stroke-dasharray:6 4;fill:none}\n"
      ".picture .moment{stroke:var(--ink);stroke-dasharray:3 3}\n"
      ".picture .arrow{stroke:var(--faint);fill:none;stroke-width:1.5}\n"
      ".picture .head{fill:var(--faint)}\n"
      ".picture .back{stroke:var(--faint);fill:none;stroke-width:1.5;stroke-dasharray:5 4}\n";
  for (const char* name : colour_names) {
    rules += format(".picture .fill-%s{fill:var(--%s)}.picture .line-%s{stroke:var(--%s)}\n", name,
                    name, name, name);
  }
  return rules;
}

double text_width(std::string_view text) {
  size_t letters = 0;
  for (const char byte : text)
    letters += (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U ? 1 : 0;
  return letter_width * static_cast<double>(letters);
}

std::string escaped(std::string_view text) {
  std::string safe;
  for (const char letter : text) {
    switch (letter) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      default:
        // XML has no other control characters.
        safe += static_cast<unsigned char>(letter) < 0x20 && letter != '\n' && letter != '\t'
                    ? ' '
                    : letter;
    }
  }
  return safe;
}

void Svg::rectangle(Across x, double y, Across width, double height, std::string_view kind,
                    std::string_view tip) {
  body_ +=
      element("rect",
              attribute("class", kind) + " x=\"" + place(x) + format("\" y=\"%.2f\" width=\"", y) +
                  place(width) + format("\" height=\"%.2f\"", height),
              tip);
}

void Svg::block(double x, double y, double width, double height, std::string_view kind) {
  body_ += element("rect",
                   attribute("class", kind) + format(" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" "
                                                     "height=\"%.2f\" rx=\"5\"",
                                                     x, y, width, height),
                   {});
}

void Svg::text(Across x, double y, Anchor anchor, const Words& words, std::string_view kind) {
  body_ += "<text" + attribute("class", kind) + " x=\"" + place(x) + format("\" y=\"%.2f\"", y);
  if (anchor != Anchor::start) body_ += format(" text-anchor=\"%s\"", to_string(anchor));
  body_ += ">" + inside(words) + "</text>\n";
}

void Svg::upright(double x, double y, const Words& words, std::string_view kind) {
  body_ += "<text" + attribute("class", kind) +
           format(" transform=\"translate(%.2f %.2f) rotate(-90)\" text-anchor=\"middle\"", x, y) +
           ">" + inside(words) + "</text>\n";
}

void Svg::line(Across x1, double y1, Across x2, double y2, std::string_view kind) {
  body_ += "<line" + attribute("class", kind) + " x1=\"" + place(x1) +
           format("\" y1=\"%.2f\"", y1) + " x2=\"" + place(x2) + format("\" y2=\"%.2f\"/>\n", y2);
}

void Svg::polyline(const std::string& points, std::string_view kind) {
  body_ += "<polyline" + attribute("class", kind) + " points=\"" + points + "\"/>\n";
}

void Svg::path(const std::string& d, std::string_view kind) {
  body_ += "<path" + attribute("class", kind) + " d=\"" + d + "\"/>\n";
}

void Svg::dot(double x, double y, double radius, std::string_view kind, std::string_view tip,
              std::string_view key) {
  body_ += element("circle",
                   attribute("class", kind) + attribute("data-key", key) +
                       format(" cx=\"%.2f\" cy=\"%.2f\" r=\"%.2f\"", x, y, radius),
                   tip);
}

void Svg::open(double shift_x, double shift_y) {
  body_ += format("<g transform=\"translate(%.2f %.2f)\">\n", shift_x, shift_y);
}

void Svg::close() {
  body_ += "</g>\n";
}

std::string Svg::scaled(const About& about, double width, double height) const {
  return format(
             "<svg class=\"picture\" viewBox=\"0 0 %.0f %.0f\" "
             "style=\"width:100%%;max-width:%.0fpx\"",
             width, height, 1.3 * width) +
         head(about) + body_ + "</svg>\n";
}

std::string Svg::stretched(const About& about, double height) const {
  return format("<svg class=\"picture\" width=\"100%%\" height=\"%.0f\" style=\"height:%.0fpx\"",
                height, height) +
         head(about) + body_ + "</svg>\n";
}

std::string Svg::document(const About& about, double width, double height) const {
  return format(
             "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg "
             "xmlns=\"http://www.w3.org/2000/svg\" "
             "class=\"picture\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\"",
             width, height, width, height) +
         head(about) + "<style>\n" + standalone_colours() + rules() + "</style>\n" +
         format("<rect width=\"%.0f\" height=\"%.0f\" style=\"fill:var(--ground)\"/>\n", width,
                height) +
         body_ + "</svg>\n";
}

std::string Svg::framed(const About& about, double width, double height, double margin) const {
  Svg framed;
  framed.body_ = format("<svg x=\"%.0f\" y=\"%.0f\" width=\"%.0f\" height=\"%.0f\">\n", margin,
                        margin, width - 2 * margin, height) +
                 body_ + "</svg>\n";
  return framed.document(about, width, height + 2 * margin);
}

double draw_legend(Svg& svg, const std::vector<Meaning>& meanings, double y, double width) {
  constexpr double swatch = 14;
  constexpr double between = 14;
  double x = 0;
  for (const Meaning& meaning : meanings) {
    const double needed = swatch + 5 + text_width(meaning.text);
    if (x > 0 && x + needed > width) {
      x = 0;
      y += line_height;
    }
    svg.rectangle(x, y, swatch, 11, meaning.kind);
    svg.text(x + swatch + 5, y + 10, Anchor::start, meaning.text);
    x += needed + between;
  }
  return meanings.empty() ? y : y + line_height;
}

}  // namespace podium::picture
