#include "report/quantity.hpp"

#include <array>
#include <cmath>

#include "core/text.hpp"

namespace podium::report {
namespace {

// "1,234,567"
std::string grouped(double value) {
  std::string digits = format("%.0f", std::abs(value));
  for (size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return (value < 0 ? "-" : "") + digits;
}

// Three digits: "0.523", "5.23", "52.3", "523".
std::string three_digits(double value) {
  const double size = std::abs(value);
  const int decimals = size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 0.9995 || size == 0 ? 2 : 3;
  return format("%.*f", size == 0 ? 0 : decimals, value);
}

struct Unit {
  double size;
  const char* name;
};

// In the largest unit that gives at least 1.
template <size_t count>
std::string in_units(double value, const std::array<Unit, count>& units) {
  for (const Unit& unit : units) {
    if (std::abs(value) >= 0.9995 * unit.size) return three_digits(value / unit.size) + unit.name;
  }
  return three_digits(value / units.back().size) + units.back().name;
}

std::string duration(double seconds) {
  static constexpr std::array<Unit, 5> units = {
      {{7200, " h"}, {120, " min"}, {1, " s"}, {1e-3, " ms"}, {1e-6, " µs"}}};
  if (std::abs(seconds) >= 7200) return three_digits(seconds / 3600) + units[0].name;
  if (std::abs(seconds) >= 120) return three_digits(seconds / 60) + units[1].name;
  return in_units(seconds, std::array<Unit, 3>{units[2], units[3], units[4]});
}

Attributes attributes_of(const Place& place, As as) {
  return {{"value", place.json().dump()}, {"data-key", place.pointer()}, {"data-as", name_of(as)}};
}

}  // namespace

std::string written(double value, As as) {
  static constexpr std::array<Unit, 4> thousands = {
      {{1e9, " G"}, {1e6, " M"}, {1e3, " k"}, {1, ""}}};
  static constexpr std::array<Unit, 4> bytes = {
      {{1e9, " GB"}, {1e6, " MB"}, {1e3, " kB"}, {1, " B"}}};
  switch (as) {
    case As::percent:
      return format("%.2f %%", value * 100);
    case As::points:
      return format("%.2f points", value * 100);
    case As::seconds:
      return duration(value);
    case As::ms:
      return three_digits(value) + " ms";
    case As::count:
      return grouped(value);
    case As::rate:
      return in_units(value, thousands);
    case As::bytes:
      return in_units(value, bytes);
    case As::number:
      break;
  }
  return format("%.4g", value);
}

std::string name_of(As as) {
  static constexpr std::array names = {"percent", "points", "seconds", "ms",
                                       "count",   "rate",   "bytes",   "number"};
  return names.at(static_cast<size_t>(as));
}

Markup quantity(const Place& place, As as) {
  const auto value = place.number();
  return value ? tag("data", attributes_of(place, as), written(*value, as)) : Markup("–");
}

Markup svg_quantity(const Place& place, As as) {
  const auto value = place.number();
  if (!value) return "–";
  Attributes attributes = attributes_of(place, as);
  attributes.front().name = "data-value";
  return tag("tspan", attributes, written(*value, as));
}

}  // namespace podium::report
