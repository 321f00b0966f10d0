// The tree keeps the rules of the house: includes and link edges run only downward, backends stay
// behind their seams, files are short and open with their story, and the map is true.
#include <gtest/gtest.h>

#include <array>

#include "architecture/rules.hpp"

namespace podium::test {
namespace {

const std::filesystem::path project = PODIUM_SOURCE_DIR;

using Rule = Findings (*)(const SourceFile&);

bool is_cpp(const SourceFile& file) {
  constexpr std::array<std::string_view, 4> ends = {".hpp", ".cpp", ".cuh", ".cu"};
  return std::ranges::any_of(ends, [&](std::string_view end) { return file.ends_with(end); });
}

bool is_room_cmake(const SourceFile& file) {
  return !file.room().empty() && file.name() == "CMakeLists.txt";
}

bool is_any(const SourceFile&) {
  return true;
}

// Fails with every finding of `rule` in the files of `tree` that `applies` picks.
void expect_kept(const std::string& tree, bool (*applies)(const SourceFile&), Rule rule) {
  size_t checked = 0;
  for (const SourceFile& file : read_tree(project / tree)) {
    if (!applies(file)) continue;
    ++checked;
    for (const std::string& finding : rule(file)) ADD_FAILURE() << tree << "/" << finding;
  }
  EXPECT_GT(checked, 0u) << "no file looked at in " << tree;
}

TEST(SourceTree, IncludesRunOnlyDownward) {
  expect_kept("src", is_cpp, check_includes);
}

TEST(SourceTree, LinksRunOnlyDownward) {
  expect_kept("src", is_room_cmake, check_links);
}

TEST(SourceTree, BackendsStayBehindTheirSeams) {
  expect_kept("src", is_cpp, check_backends);
}

TEST(SourceTree, FilesAreShort) {
  expect_kept("src", is_any, check_length);
  expect_kept("tests", is_any, check_length);
}

TEST(SourceTree, FilesOpenWithTheirStory) {
  expect_kept("src", is_cpp, check_opening);
}

TEST(SourceTree, EveryFolderIsOnAFloor) {
  for (const std::string& folder : read_folders(project / "src")) {
    EXPECT_NE(floor_of(SourceFile{folder + "/", ""}.room()), unknown_room) << "src/" << folder;
  }
}

TEST(SourceTree, TheMapIsTrue) {
  const std::string map = read_text(project / "docs/architecture.md");
  ASSERT_FALSE(map.empty()) << "docs/architecture.md cannot be read";
  for (const std::string& finding : check_map(map, read_folders(project / "src"))) {
    ADD_FAILURE() << finding;
  }
}

}  // namespace
}  // namespace podium::test
