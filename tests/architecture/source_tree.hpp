// SourceTree: the text files below a folder, as the rules of the house look at them.
//
// Rules take files by value of their path and text, so that tests can hand them wrong examples that
// exist nowhere on disk.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace podium::test {

struct SourceFile {
  std::string path;  // relative to the root, with '/': "nn/cpu/dense.cpp"
  std::string text;

  std::string name() const { return path.substr(path.rfind('/') + 1); }
  // The first folder of the path; empty for a file beside the folders.
  std::string room() const {
    const size_t slash = path.find('/');
    return slash == std::string::npos ? "" : path.substr(0, slash);
  }
  bool ends_with(std::string_view end) const { return path.ends_with(end); }

  std::vector<std::string> lines() const {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
  }
};

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// All text files below `root`, by path. A file with a zero byte is data.
inline std::vector<SourceFile> read_tree(const std::filesystem::path& root) {
  std::vector<SourceFile> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (!entry.is_regular_file()) continue;
    std::string text = read_text(entry.path());
    if (text.find('\0') != std::string::npos) continue;
    files.push_back({entry.path().lexically_relative(root).generic_string(), std::move(text)});
  }
  std::ranges::sort(files, {}, &SourceFile::path);
  return files;
}

// All folders below `root`, relative to it: "nn", "nn/cpu", ...
inline std::set<std::string> read_folders(const std::filesystem::path& root) {
  std::set<std::string> folders;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (!entry.is_directory()) continue;
    folders.insert(entry.path().lexically_relative(root).generic_string());
  }
  return folders;
}

}  // namespace podium::test
