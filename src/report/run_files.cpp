#include "report/run_files.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <fstream>

#include "core/error.hpp"
#include "io/files/atomic_file.hpp"

namespace podium::report {
namespace {

namespace fs = std::filesystem;

constexpr size_t most_documents = 64;
constexpr size_t most_logs = 64;
constexpr size_t log_lines = 12;
constexpr std::streamoff log_end_bytes = 8192;
// Brackets within brackets; copying and writing JSON takes stack for each.
constexpr int most_nesting = 256;

std::string trimmed(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

// The files of `folder` that end in `ending`, by name; no more than `most`.
std::vector<fs::path> files_in(const fs::path& folder, const std::string& ending, size_t most) {
  std::vector<fs::path> files;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none)) {
    if (entry.is_regular_file(none) && entry.path().extension() == ending) {
      files.push_back(entry.path());
    }
  }
  std::ranges::sort(files);
  if (files.size() > most) files.resize(most);
  return files;
}

bool nests_too_deeply(const std::string& text) {
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '\\') {
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && (c == '[' || c == '{')) {
      if (++depth > most_nesting) return true;
    } else if (!quoted && (c == ']' || c == '}')) {
      --depth;
    }
  }
  return false;
}

// Discarded where `text` is no JSON, or deeper than any that a run writes.
Json parsed(const std::string& text) {
  if (nests_too_deeply(text)) return Json::value_t::discarded;
  return Json::parse(text, nullptr, false);
}

Json last_lines(const fs::path& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const std::streamoff size = file.tellg();
  const std::streamoff from = std::max<std::streamoff>(0, size - log_end_bytes);
  file.seekg(from);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  if (from > 0 && lines.size() > 1) lines.erase(lines.begin());  // it begins anywhere
  const size_t first = lines.size() - std::min(lines.size(), log_lines);
  return std::vector<std::string>(lines.begin() + static_cast<std::ptrdiff_t>(first), lines.end());
}

}  // namespace

JsonLinesFile read_json_lines(const fs::path& path) {
  JsonLinesFile found;
  std::error_code none;
  if (!fs::exists(path, none)) return found;
  if (!fs::is_regular_file(path, none)) {
    found.damaged = 1;
    return found;
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) throw io_error("cannot read", path.string(), errno);
  for (std::string line; std::getline(file, line);) {
    if (trimmed(line).empty()) continue;
    Json json = parsed(line);
    if (json.is_object()) {
      found.lines.push_back(std::move(json));
    } else {
      ++found.damaged;
    }
  }
  return found;
}

Json read_settings(const fs::path& path) {
  Json settings = Json::object();
  std::error_code none;
  if (!fs::is_regular_file(path, none)) return settings;
  std::ifstream file(path);
  std::string section;
  for (std::string line; std::getline(file, line);) {
    const std::string text = trimmed(line);
    if (text.empty() || text.front() == '#') continue;
    if (text.front() == '[' && text.back() == ']') {
      section = text.substr(1, text.size() - 2) + ".";
      continue;
    }
    const size_t equals = text.find('=');
    if (equals == std::string::npos) continue;
    settings[section + trimmed(text.substr(0, equals))] = trimmed(text.substr(equals + 1));
  }
  return settings;
}

JsonFolder read_json_folder(const fs::path& folder) {
  JsonFolder found;
  for (const fs::path& path : files_in(folder, ".json", most_documents)) {
    Json document = read_json(path, &found.damaged);
    if (document.is_object()) found.documents[path.stem().string()] = std::move(document);
  }
  return found;
}

Json read_json(const fs::path& path, size_t* damaged) {
  std::error_code none;
  if (!fs::exists(path, none)) return {};
  Json document = parsed(io::read_text_file(path));
  if (document.is_object()) return document;
  ++*damaged;
  return {};
}

Json read_log_ends(const fs::path& folder) {
  Json logs = Json::object();
  for (const fs::path& path : files_in(folder, ".log", most_logs)) {
    logs[path.filename().string()] = last_lines(path);
  }
  return logs;
}

}  // namespace podium::report
