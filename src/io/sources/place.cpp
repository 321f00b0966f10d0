#include "io/sources/place.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "io/sources/named_set.hpp"
#include "io/sources/synthetic.hpp"

namespace podium::io {
namespace {

constexpr std::string_view file_scheme = "file://";

bool is_named_set(const std::string& text) {
  return std::ranges::any_of(named_sets(), [&](const NamedSet& set) { return set.name == text; });
}

}  // namespace

std::string name_from(std::string text) {
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  std::string name = text.substr(text.rfind('/') + 1);
  for (char& c : name) {
    const auto byte = static_cast<unsigned char>(c);
    c = std::isalnum(byte) || c == '-' ? static_cast<char>(std::tolower(byte)) : '_';
  }
  return name.empty() ? "data" : name.substr(0, 64);
}

SourcePlace place_of(const std::string& text) {
  if (text.starts_with(synthetic_prefix)) return {"synthetic", text};
  if (text.starts_with("http://") || text.starts_with("https://")) return {name_from(text), text};
  if (is_named_set(text)) return {text, text};
  const std::string path = text.starts_with(file_scheme) ? text.substr(file_scheme.size()) : text;
  std::error_code ignored;
  std::filesystem::path place = std::filesystem::weakly_canonical(path, ignored);
  if (place.filename().empty()) place = place.parent_path();  // "data/" is "data"
  return {name_from(path), place.string()};
}

}  // namespace podium::io
