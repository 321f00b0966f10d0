#include "ckpt/interval.hpp"

#include <array>
#include <charconv>
#include <string_view>

#include "core/error.hpp"

namespace podium::ckpt {
namespace {

struct UnitName {
  std::string_view name;
  Interval::Unit unit;
  int64_t factor;
};

using enum Interval::Unit;
constexpr std::array<UnitName, 9> unit_names = {{{"steps", steps, 1},
                                                 {"step", steps, 1},
                                                 {"epochs", epochs, 1},
                                                 {"epoch", epochs, 1},
                                                 {"s", seconds, 1},
                                                 {"min", seconds, 60},
                                                 {"m", seconds, 60},
                                                 {"h", seconds, 3600},
                                                 {"d", seconds, 86400}}};

constexpr int64_t most = 1'000'000'000'000;

}  // namespace

Interval parse_interval(const std::string& text, const std::string& key) {
  if (text == "never") return {};
  int64_t count = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, count);
  const std::string_view unit(stop, static_cast<size_t>(end - stop));
  if (error == std::errc() && count > 0 && count <= most) {
    for (const UnitName& known : unit_names) {
      if (unit == known.name) return {known.unit, count * known.factor};
    }
  }
  throw usage_error("'" + text + "' does not fit " + key, key,
                    "write for instance 10min, 2epochs, 500steps, or never");
}

}  // namespace podium::ckpt
