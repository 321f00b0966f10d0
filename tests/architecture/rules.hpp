// The rules of the house that a program can check (docs/architecture.md).
//
// Each rule looks at one file and returns what is wrong in it, one sentence per finding, each with
// the file and, where there is one, the line.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "architecture/source_tree.hpp"

namespace podium::test {

using Findings = std::vector<std::string>;

inline constexpr int unknown_room = -1;
inline constexpr size_t longest_file_lines = 400;

// The floor of a folder of src/; of the files beside the folders when `room` is empty.
int floor_of(std::string_view room);

// `#include "room/file.hpp"` leads to the own room or to a floor below.
Findings check_includes(const SourceFile& file);

// The LINKS of a room's CMakeLists.txt name floors below.
Findings check_links(const SourceFile& cmake);

// No conditional on CUDA, NCCL or MPI, and no header of a GPU, outside the files made for them.
Findings check_backends(const SourceFile& file);

// At most longest_file_lines lines.
Findings check_length(const SourceFile& file);

// A header opens with a comment; a source with a comment, or with its includes if a header of its
// room, which tells its story, is among them.
Findings check_opening(const SourceFile& file);

// The folders that the map lists as present: `src/NAME/` on lines that do not say "to come".
std::set<std::string> folders_on_map(const std::string& markdown);

// The map and the folders of src/ agree. `folders` as read_folders() gives them.
Findings check_map(const std::string& markdown, const std::set<std::string>& folders);

}  // namespace podium::test
