// What somebody sees at a terminal, as a terminal emulator does (pyte, from PyPI).
#include <fstream>

#include "app_fixture.hpp"
#include "python.hpp"

namespace podium::test {
namespace {

using nlohmann::json;

// What was seen of a command.
struct Seen {
  int status = -1;
  std::vector<std::string> lines;                 // at the end, with those that scrolled off
  std::vector<std::vector<std::string>> screens;  // on the way
  bool cursor_hidden = true;
  std::string raw;

  // On some screen there was a line that begins with `begin` and has `text`.
  bool showed(const std::string& begin, const std::string& text) const {
    return std::ranges::any_of(screens, [&](const auto& screen) {
      return std::ranges::any_of(screen, [&](const std::string& line) {
        return line.starts_with(begin) && line.find(text) != std::string::npos;
      });
    });
  }
  size_t count(const std::string& text) const {
    size_t number = 0;
    for (size_t at = raw.find(text); at != std::string::npos; at = raw.find(text, at + 1)) ++number;
    return number;
  }
  bool drew() const { return raw.find("\x1b[?7l") != std::string::npos; }
};

class LiveTest : public AppTest {
 protected:
  void SetUp() override {
    python_ = find_python("pyte");
    if (python_.empty()) GTEST_SKIP() << "no Python with pyte; set PODIUM_TEST_PYTHON to one";
  }

  // Watches `command` with `environment` at a terminal of `size`.
  Seen watch(const Words& command, const std::string& size = "100x30", const Words& options = {},
             const Words& environment = {}) const {
    const std::string out = (folder() / "seen.json").string();
    Words words = {python_, PODIUM_PROJECT "/tests/app/watch_terminal.py", out, size};
    append(words, options);
    append(words, {"--", "env", "-u", "NO_COLOR", "TERM=xterm", "LC_ALL=C.UTF-8"});
    append(words, environment);
    append(words, command);
    Process process(std::move(words));
    EXPECT_EQ(process.wait(), 0) << process.err();
    const json seen = json::parse(std::ifstream(out));
    return {seen.at("status").get<int>(), seen.at("lines").get<std::vector<std::string>>(),
            seen.at("screens").get<std::vector<std::vector<std::string>>>(),
            seen.at("cursor_hidden").get<bool>(), seen.at("raw").get<std::string>()};
  }

  Words training(const Words& more = {}) const {
    return words("train", joined({"--train.model=dense", "--model.dense.epochs=150", "--memo=never"}, more));
  }
  Words on_ranks(int ranks, const Words& command) const {
    return joined({PODIUM_MPIRUN, "-n", std::to_string(ranks)}, command);
  }

  // Nothing of a picture is left, and what was said is there as it was said.
  static void expect_clean_end(const Seen& seen) {
    EXPECT_FALSE(seen.cursor_hidden);
    for (const std::string& line : seen.lines) {
      EXPECT_FALSE(line.starts_with("podium ")) << "a title is left: " << line;
      EXPECT_EQ(line.find("█"), std::string::npos) << "a bar is left: " << line;
    }
  }

 private:
  std::string python_;
};

TEST_F(LiveTest, TrainingShowsItsEpochsAndLeavesOnlyLines) {
  const Seen seen = watch(training());
  EXPECT_EQ(seen.status, 0) << seen.raw;
  EXPECT_TRUE(seen.showed("podium train", run_dir().string())) << seen.raw;
  EXPECT_TRUE(seen.showed("dense", "/150  loss ")) << seen.raw;
  EXPECT_TRUE(seen.showed("dense", "█"));
  expect_clean_end(seen);
  EXPECT_EQ(seen.count("PODIUM_RESULT {"), 1U);
  size_t epochs = 0;
  for (const std::string& line : seen.lines) epochs += line.find("train dense") < 20 ? 1 : 0;
  EXPECT_EQ(epochs, 150U) << "lines of the log stay whole, each once";
}

TEST_F(LiveTest, OneRunShowsRolesModelsAndService) {
  const Seen seen = watch(on_ranks(4, words("run", {"--serve.port=0"})), "120x30");
  EXPECT_EQ(seen.status, 0) << seen.raw;
  EXPECT_TRUE(seen.showed("roles", "train"));
  EXPECT_TRUE(seen.showed("ingest", "records"));
  EXPECT_TRUE(seen.showed("dense", "published as version 1"));
  EXPECT_TRUE(seen.showed("serve", "version "));
  EXPECT_EQ(seen.count("PODIUM_RESULT {"), 1U);
  expect_clean_end(seen);
}

TEST_F(LiveTest, DrawsOnlyWhereItIsWanted) {
  const Words command = training({"--model.dense.epochs=40"});
  EXPECT_FALSE(watch(command, "100x30", {}, {"TERM=dumb"}).drew());
  EXPECT_FALSE(watch(joined(command, {"--log.live=never"})).drew());
  const Seen plain = watch(command, "100x30", {}, {"NO_COLOR=1", "LC_ALL=C"});
  EXPECT_TRUE(plain.drew());
  EXPECT_EQ(plain.count("\x1b[1m"), 0U);
  EXPECT_EQ(plain.count("█"), 0U);
  EXPECT_GT(plain.count("[#"), 0U);
  const Seen quiet = watch(joined(command, {"--quiet"}));
  EXPECT_FALSE(quiet.drew());
  EXPECT_TRUE(quiet.raw.starts_with("PODIUM_RESULT {")) << quiet.raw;
}

// Open MPI gives its ranks a terminal in any case.
TEST_F(LiveTest, ALaunchersTerminalIsNone) {
  Process process(on_ranks(2, training({"--model.dense.epochs=40"})));
  EXPECT_EQ(process.wait(), 0) << process.err();
  EXPECT_EQ(process.out().find('\x1b'), std::string::npos) << process.out();
  EXPECT_EQ(process.err().find('\x1b'), std::string::npos) << process.err();
  EXPECT_TRUE(process.out().starts_with("PODIUM_RESULT {")) << process.out();
  Process always(joined(training({"--model.dense.epochs=40"}), {"--log.live=always"}));
  EXPECT_EQ(always.wait(), 0) << always.err();
  EXPECT_NE(always.out().find("\x1b[?7l"), std::string::npos);
  EXPECT_NE(always.out().find("\r\x1b[J\nPODIUM_RESULT {"), std::string::npos);
}

// Only in width: pyte moves lines, but not its cursor, when it has fewer of them.
TEST_F(LiveTest, ATerminalThatShrinksKeepsNothingOfThePicture) {
  const Seen seen = watch(training(), "100x30", {"--at", " left ", "--resize", "34x30"});
  EXPECT_EQ(seen.status, 0) << seen.raw;
  EXPECT_TRUE(seen.showed("dense", "%"));
  expect_clean_end(seen);
}

TEST_F(LiveTest, EverySizeIsDrawn) {
  for (const char* size : {"20x6", "40x8", "200x50"}) {
    const Seen seen = watch(training({"--model.dense.epochs=40"}), size);
    EXPECT_EQ(seen.status, 0) << size;
    EXPECT_TRUE(seen.showed("dense", "%")) << size;
    EXPECT_FALSE(seen.cursor_hidden);
  }
}

TEST_F(LiveTest, SignalsAndErrorsLeaveACleanTerminal) {
  const Words endless = training({"--model.dense.epochs=100000"});
  for (const char* signal : {"SIGINT", "SIGTERM"}) {
    const Seen seen = watch(endless, "100x30", {"--at", " left ", "--signal", signal});
    EXPECT_EQ(seen.status, 75) << seen.raw;
    expect_clean_end(seen);
  }
  std::filesystem::remove_all(run_dir());
  const Seen diverged = watch(training({"--model.dense.lr=1000", "--model.dense.momentum=0.99"}));
  EXPECT_EQ(diverged.status, 2) << diverged.raw;
  expect_clean_end(diverged);
  std::string last;
  for (const std::string& line : diverged.lines) last = line.empty() ? last : line;
  EXPECT_NE(diverged.raw.rfind("podium: error: "), std::string::npos) << last;
}

// Nothing can be tidied up then; but the cursor is there, and the next line has a place.
TEST_F(LiveTest, AKilledJobLeavesTheCursor) {
  const Seen seen = watch(training({"--model.dense.epochs=100000"}), "100x30",
                          {"--at", " left ", "--signal", "SIGKILL"});
  EXPECT_EQ(seen.status, -9);
  EXPECT_FALSE(seen.cursor_hidden);
}

}  // namespace
}  // namespace podium::test
