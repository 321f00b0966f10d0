#include "architecture/rules.hpp"

#include <array>
#include <iterator>
#include <map>
#include <optional>
#include <regex>

namespace podium::test {
namespace {

constexpr int top_floor = 6;

std::string at_line(const SourceFile& file, size_t index) {
  return file.path + ":" + std::to_string(index + 1) + ": ";
}

// The path between quotes or brackets of an include line.
std::optional<std::string> included_path(const std::string& line) {
  static const std::regex include(R"re(^\s*#\s*include\s*[<"]([^>"]+)[>"].*)re");
  std::smatch found;
  if (!std::regex_match(line, found, include)) return std::nullopt;
  return found[1].str();
}

bool is_quoted(const std::string& line) {
  return line.find('"') != std::string::npos;
}

// What is wrong with `file` using `room`; empty if nothing.
std::string complaint(const SourceFile& file, const std::string& room) {
  if (file.room() == room) return "";
  const int here = floor_of(file.room());
  const int there = floor_of(room);
  if (here == unknown_room) return "'" + file.room() + "' is on no floor";
  if (there == unknown_room) return "'" + room + "' is on no floor";
  if (there < here) return "";
  return "floor " + std::to_string(here) + " reaches " + (there == here ? "across" : "up") +
         " to '" + room + "' on floor " + std::to_string(there);
}

bool is_conditional(const std::string& line) {
  static const std::regex conditional(R"(^\s*#\s*(if|ifdef|ifndef|elif|elifdef|elifndef)\b.*)");
  return std::regex_match(line, conditional);
}

// Whether a part of an identifier of `line`, between underscores, names a backend. COMPILER does
// not name MPI.
bool names_backend(const std::string& line) {
  static const std::regex part("[A-Za-z0-9]+");
  for (std::sregex_iterator word(line.begin(), line.end(), part), end; word != end; ++word) {
    const std::string text = word->str();
    if (text.starts_with("CUDA") || text.starts_with("NCCL") || text == "MPI" || text == "OMPI") {
      return true;
    }
  }
  return false;
}

bool is_gpu_header(const std::string& path) {
  constexpr std::array<std::string_view, 4> names = {"cuda", "cudnn", "cublas", "nccl"};
  return path.find('/') == std::string::npos &&
         std::ranges::any_of(names, [&](std::string_view name) { return path.starts_with(name); });
}

bool may_name_backends(const SourceFile& file) {
  const std::string name = file.name();
  return file.path.find("cuda/") != std::string::npos || name.starts_with("nccl.") ||
         name.starts_with("cuda_");
}

bool includes_own_room(const SourceFile& file) {
  return std::ranges::any_of(file.lines(), [&](const std::string& line) {
    const auto path = included_path(line);
    return path && is_quoted(line) && SourceFile{*path, ""}.room() == file.room();
  });
}

std::string without_comments(const std::string& cmake) {
  static const std::regex comment("#[^\n]*");
  return std::regex_replace(cmake, comment, "");
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

}  // namespace

int floor_of(std::string_view room) {
  static const std::map<std::string_view, int> floors = {
      {"core", 0},  {"io", 1},    {"nn", 1},     {"comm", 1},   {"picture", 1}, {"ckpt", 2},
      {"ps", 2},    {"train", 3}, {"serve", 3},  {"search", 4}, {"learn", 4},   {"workflow", 5},
      {"bench", 5}, {"plan", 5},  {"report", 5}, {"top", 5},    {"", top_floor}};
  const auto found = floors.find(room);
  return found == floors.end() ? unknown_room : found->second;
}

Findings check_includes(const SourceFile& file) {
  Findings findings;
  const std::vector<std::string> lines = file.lines();
  for (size_t i = 0; i < lines.size(); ++i) {
    const auto path = included_path(lines[i]);
    if (!path) continue;
    const SourceFile included{*path, ""};
    // In brackets stand other projects' folders, unless one is called like a room of ours.
    if (!is_quoted(lines[i]) &&
        (included.room().empty() || floor_of(included.room()) == unknown_room)) {
      continue;
    }
    const std::string wrong = complaint(file, included.room());
    if (!wrong.empty()) findings.push_back(at_line(file, i) + wrong + " by including " + *path);
  }
  return findings;
}

Findings check_links(const SourceFile& cmake) {
  Findings findings;
  static const std::regex floor_call(R"(podium_floor\s*\(\s*(\w+)([^)]*)\))");
  const std::string text = without_comments(cmake.text);
  for (std::sregex_iterator call(text.begin(), text.end(), floor_call), end; call != end; ++call) {
    if (call->str(1) != cmake.room()) {
      findings.push_back(cmake.path + ": makes the floor '" + call->str(1) + "'");
    }
    bool links = false;
    for (std::string word : words_of(call->str(2))) {
      if (word.ends_with("LINKS") || word.ends_with("SOURCES")) {
        links = word.ends_with("LINKS");
        continue;
      }
      if (!links || word.find("::") != std::string::npos) continue;
      if (word.starts_with("podium_")) word.erase(0, 7);
      const std::string wrong = complaint(cmake, word);
      if (!wrong.empty()) findings.push_back(cmake.path + ": " + wrong + " by linking it");
    }
  }
  return findings;
}

Findings check_backends(const SourceFile& file) {
  Findings findings;
  if (may_name_backends(file)) return findings;
  const std::vector<std::string> lines = file.lines();
  for (size_t i = 0; i < lines.size(); ++i) {
    if (is_conditional(lines[i]) && names_backend(lines[i])) {
      findings.push_back(at_line(file, i) + "a conditional on a backend: " + lines[i]);
    }
    const auto path = included_path(lines[i]);
    if (path && !is_quoted(lines[i]) && is_gpu_header(*path)) {
      findings.push_back(at_line(file, i) + "a GPU header outside a cuda/ folder: " + *path);
    }
  }
  return findings;
}

Findings check_length(const SourceFile& file) {
  const size_t lines = file.lines().size();
  if (lines <= longest_file_lines) return {};
  return {file.path + ": " + std::to_string(lines) + " lines, more than " +
          std::to_string(longest_file_lines)};
}

Findings check_opening(const SourceFile& file) {
  if (file.text.starts_with("//")) return {};
  if (file.ends_with(".hpp") || file.ends_with(".cuh")) {
    return {file.path + ": does not open with a comment"};
  }
  const bool is_source = file.ends_with(".cpp") || file.ends_with(".cu");
  if (is_source && !(file.text.starts_with("#include") && includes_own_room(file))) {
    return {file.path + ": opens neither with a comment nor with a header that tells its story"};
  }
  return {};
}

std::set<std::string> folders_on_map(const std::string& markdown) {
  std::set<std::string> folders;
  static const std::regex folder("`src/([A-Za-z0-9_/]+)/`");
  for (const std::string& line : SourceFile{"", markdown}.lines()) {
    if (line.find("to come") != std::string::npos) continue;
    for (std::sregex_iterator name(line.begin(), line.end(), folder), end; name != end; ++name) {
      folders.insert(name->str(1));
    }
  }
  return folders;
}

Findings check_map(const std::string& markdown, const std::set<std::string>& folders) {
  Findings findings;
  const std::set<std::string> listed = folders_on_map(markdown);
  for (const std::string& folder : folders) {
    if (!listed.contains(folder)) findings.push_back("src/" + folder + "/ is not on the map");
  }
  for (const std::string& folder : listed) {
    if (!folders.contains(folder)) {
      findings.push_back("the map shows src/" + folder + "/, which is not there");
    }
  }
  return findings;
}

}  // namespace podium::test
