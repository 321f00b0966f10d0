#include "config.hpp"

#include <algorithm>
#include <array>
#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>
#include <charconv>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/error.hpp"
#include "core/text.hpp"
#include "schema.hpp"

extern char** environ;

namespace podium {
namespace {

namespace options = boost::program_options;

struct Unit {
  const char* name;
  double factor;
};
constexpr std::array<Unit, 8> size_units = {{{"KiB", 0x1p10},
                                             {"MiB", 0x1p20},
                                             {"GiB", 0x1p30},
                                             {"TiB", 0x1p40},
                                             {"kB", 1e3},
                                             {"MB", 1e6},
                                             {"GB", 1e9},
                                             {"TB", 1e12}}};
constexpr std::array<Unit, 5> time_units = {
    {{"s", 1}, {"min", 60}, {"m", 60}, {"h", 3600}, {"d", 86400}}};

// A finite number that fills all of `text`.
bool parse_number(const std::string& text, double* number) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, *number);
  return error == std::errc() && stop == end && std::isfinite(*number);
}

bool parse_integer(const std::string& text, int64_t* number) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, *number);
  return error == std::errc() && stop == end;
}

bool parse_boolean(const std::string& text, bool* value) {
  *value = text == "true" || text == "yes" || text == "1";
  return *value || text == "false" || text == "no" || text == "0";
}

// "4096", "512MiB", "1.5 GB"; "90", "30d".
bool parse_quantity(std::string text, std::span<const Unit> units, double* number) {
  double factor = 1;
  for (const Unit& unit : units) {
    if (!text.ends_with(unit.name)) continue;
    text.resize(text.size() - std::string(unit.name).size());
    factor = unit.factor;
    break;
  }
  while (text.ends_with(' ')) text.pop_back();
  if (!parse_number(text, number)) return false;
  *number *= factor;
  return true;
}

// 5 rather than 5.000000, for messages.
std::string plain(double number) {
  return number == std::floor(number) ? format("%.0f", number) : format("%g", number);
}

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

// What `spec` allows, in words, or empty if `value` is fine.
std::string complaint(const OptionSpec& spec, const std::string& value) {
  double number = 0;
  int64_t whole = 0;
  bool flag = false;
  const auto within = [&](double x) { return x >= spec.least && x <= spec.most; };
  const std::string range = spec.most < 1e18
                                ? " from " + plain(spec.least) + " to " + plain(spec.most)
                                : " of at least " + plain(spec.least);
  switch (spec.kind) {
    case ValueKind::text:
      if (spec.choices.empty() || std::ranges::count(spec.choices, value) > 0) return "";
      return "use one of " + join(spec.choices);
    case ValueKind::integer:
      return parse_integer(value, &whole) && within(static_cast<double>(whole))
                 ? ""
                 : "write a whole number" + range;
    case ValueKind::real:
      return parse_number(value, &number) && within(number) ? "" : "write a number" + range;
    case ValueKind::boolean:
      return parse_boolean(value, &flag) ? "" : "write true or false";
    case ValueKind::bytes:
      return parse_quantity(value, size_units, &number) && within(number)
                 ? ""
                 : "write a size, e.g. 512MiB or 2GB";
    case ValueKind::duration:
      return parse_quantity(value, time_units, &number) && number >= 0 && number < 1e10
                 ? ""
                 : "write a time, e.g. 90s, 12h or 30d";
  }
  return "";
}

// The line of `path` that sets the last part of `key`, for errors; 0 if it cannot be told.
int line_of(const std::filesystem::path& path, const std::string& key) {
  const std::string name = key.substr(key.rfind('.') + 1);
  std::ifstream file(path);
  int number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    const size_t start = line.find_first_not_of(" \t");
    if (start == std::string::npos) continue;
    const size_t equals = line.find('=');
    if (equals == std::string::npos) continue;
    std::string left = line.substr(start, equals - start);
    while (!left.empty() && (left.back() == ' ' || left.back() == '\t')) left.pop_back();
    if (left == name || left == key) return number;
  }
  return 0;
}

// The whole of an input file, which may also be a pipe.
std::string input_text(const std::filesystem::path& path) {
  constexpr std::streamsize longest = 1 << 20;
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path)) {
    throw usage_error("cannot read the input file", path.string(), "check the path");
  }
  std::string text(longest + 1, '\0');
  file.read(text.data(), longest + 1);
  text.resize(static_cast<size_t>(file.gcount()));
  const bool binary = text.find('\0') != std::string::npos;
  if (binary || file.gcount() > longest) {
    throw usage_error(binary ? "the input file is not text" : "the input file is above 1 MiB",
                      path.string(), "write [section] headings and key = value lines");
  }
  return text;
}

// Values travel in JSON between ranks and into files.
bool is_utf8(const std::string& text) {
  try {
    return !nlohmann::json(text).dump().empty();
  } catch (const nlohmann::json::exception&) {
    return false;
  }
}

// PODIUM_TRAIN__LR names "train.lr"; PODIUM_ROLES and its like the keys without a section.
// Empty if the variable is none of ours.
std::string key_of_variable(std::string name) {
  constexpr std::string_view prefix = "PODIUM_";
  if (!name.starts_with(prefix)) return "";
  name.erase(0, prefix.size());
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
  if (name == "roles" || name == "device" || name == "append" || name == "quiet") return name;
  if (name.find("__") == std::string::npos) return "";
  for (size_t at = name.find("__"); at != std::string::npos; at = name.find("__")) {
    name.replace(at, 2, ".");
  }
  return name;
}

std::string default_of(const std::string& key) {
  const OptionSpec* spec = find_option(key);
  require(spec != nullptr, ("no option '" + key + "' in the schema").c_str(), "Config");
  return spec->default_value;
}

}  // namespace

void Config::set(const std::string& key, const std::string& value, const std::string& origin) {
  const OptionSpec* spec = find_option(key);
  if (spec == nullptr) {
    throw usage_error("unknown key '" + key + "'", origin,
                      "did you mean '" + nearest_option(key) + "'?");
  }
  if (!is_utf8(value)) {
    throw usage_error("the value of " + key + " is not UTF-8 text", origin,
                      "choose another name or path");
  }
  const std::string wrong = complaint(*spec, value);
  if (!wrong.empty()) {
    throw usage_error("'" + value + "' does not fit " + key, origin, wrong);
  }
  values_[key] = value;
}

void Config::override_with(const Config& other) {
  for (const auto& [key, value] : other.values_) values_[key] = value;
}

void Config::read_file(const std::filesystem::path& path) {
  std::istringstream file(input_text(path));
  try {
    const options::options_description none;
    for (const auto& option : options::parse_config_file(file, none, true).options) {
      const int line = line_of(path, option.string_key);
      set(option.string_key, option.value.empty() ? "" : option.value.front(),
          path.string() + (line > 0 ? ":" + std::to_string(line) : ""));
    }
  } catch (const options::error& error) {
    throw usage_error(error.what(), path.string(),
                      "write [section] headings and key = value lines");
  }
}

void Config::read_environment() {
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const size_t equals = text.find('=');
    if (equals == std::string::npos) continue;
    const std::string key = key_of_variable(text.substr(0, equals));
    if (!key.empty()) set(key, text.substr(equals + 1), "environment " + text.substr(0, equals));
  }
}

std::string Config::text(const std::string& key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? default_of(key) : found->second;
}

int64_t Config::integer(const std::string& key) const {
  int64_t number = 0;
  require(parse_integer(text(key), &number), "not a whole number", key.c_str());
  return number;
}

double Config::real(const std::string& key) const {
  double number = 0;
  require(parse_number(text(key), &number), "not a number", key.c_str());
  return number;
}

bool Config::boolean(const std::string& key) const {
  bool value = false;
  require(parse_boolean(text(key), &value), "not a truth value", key.c_str());
  return value;
}

uint64_t Config::bytes(const std::string& key) const {
  double number = 0;
  require(parse_quantity(text(key), size_units, &number), "not a size", key.c_str());
  return static_cast<uint64_t>(number);
}

std::chrono::seconds Config::duration(const std::string& key) const {
  double number = 0;
  require(parse_quantity(text(key), time_units, &number), "not a time", key.c_str());
  return std::chrono::seconds(static_cast<int64_t>(number));
}

std::vector<std::string> Config::model_names() const {
  std::vector<std::string> names;
  for (const auto& [key, value] : values_) {
    if (!key.starts_with("model.")) continue;
    std::string name = key.substr(6, key.rfind('.') - 6);
    if (names.empty() || names.back() != name) names.push_back(std::move(name));
  }
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

std::string Config::print() const {
  std::map<std::string, std::string> sections;  // heading -> its lines
  const auto add = [&](const std::string& key, const std::string& value) {
    const size_t dot = key.rfind('.');
    const std::string heading = dot == std::string::npos ? "" : key.substr(0, dot);
    sections[heading] += key.substr(dot == std::string::npos ? 0 : dot + 1) + " = " + value + "\n";
  };
  for (const OptionSpec& spec : option_schema()) {
    if (spec.key.find('*') == std::string::npos) add(spec.key, text(spec.key));
  }
  for (const auto& [key, value] : values_) {
    if (key.starts_with("model.")) add(key, value);
  }
  std::string file;
  for (const auto& [heading, lines] : sections) {
    if (!heading.empty()) file += "\n[" + heading + "]\n";
    file += lines;
  }
  return file;
}

}  // namespace podium
