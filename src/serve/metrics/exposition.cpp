#include "serve/metrics/exposition.hpp"

#include <array>
#include <charconv>
#include <cmath>

namespace podium::serve {
namespace {

// The shortest text without an exponent that gives the same number.
std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  std::array<char, 400> text{};  // of the longest double
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed).ptr;
  return {text.data(), end};
}

std::string escaped(std::string_view value, bool quotes) {
  std::string text;
  for (const char c : value) {
    if (c == '\\') {
      text += "\\\\";
    } else if (c == '\n') {
      text += "\\n";
    } else if (c == '"' && quotes) {
      text += "\\\"";
    } else {
      text += c;
    }
  }
  return text;
}

}  // namespace

void Exposition::family(std::string_view name, std::string_view type, std::string_view help) {
  family_ = name;
  text_.append("# HELP ").append(name).append(" ").append(escaped(help, false)).append("\n");
  text_.append("# TYPE ").append(name).append(" ").append(type).append("\n");
}

void Exposition::sample(double value, Labels labels) {
  line("", labels, "", value);
}

void Exposition::histogram(const BoundedCounts& counts, Labels labels) {
  for (size_t i = 0; i < counts.bounds().size(); ++i) {
    line("_bucket", labels, number(counts.bounds()[i]), static_cast<double>(counts.up_to(i)));
  }
  const auto count = static_cast<double>(counts.count());
  line("_bucket", labels, "+Inf", count);
  line("_sum", labels, "", counts.sum());
  line("_count", labels, "", count);
}

void Exposition::line(std::string_view suffix, Labels labels, std::string_view bound,
                      double value) {
  std::string inside;
  const auto add = [&](std::string_view name, std::string_view text) {
    if (!inside.empty()) inside += ',';
    inside.append(name).append("=\"").append(escaped(text, true)).append("\"");
  };
  for (const auto& [name, text] : labels) add(name, text);
  if (!bound.empty()) add("le", bound);
  text_.append(family_).append(suffix);
  if (!inside.empty()) text_.append("{").append(inside).append("}");
  text_.append(" ").append(number(value)).append("\n");
}

}  // namespace podium::serve
