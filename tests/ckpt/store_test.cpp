// The store of checkpoints: whole or not there, refused by name when damaged, and only those kept
// that are asked for.
#include "ckpt/store.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>

#include "ckpt/node_memory.hpp"
#include "core/random.hpp"
#include "io/data_files.hpp"
#include "temporary_folder.hpp"

namespace podium::ckpt {
namespace {

namespace fs = std::filesystem;
using Steps = std::vector<int64_t>;
using test::thrown_by;

TEST(Interval, SaysHowOftenInStepsEpochsOrTime) {
  using enum Interval::Unit;
  EXPECT_EQ(parse_interval("500steps", "k"), (Interval{steps, 500}));
  EXPECT_EQ(parse_interval("1epoch", "k"), (Interval{epochs, 1}));
  EXPECT_EQ(parse_interval("10min", "k"), (Interval{seconds, 600}));
  EXPECT_EQ(parse_interval("90s", "k"), (Interval{seconds, 90}));
  EXPECT_EQ(parse_interval("2d", "k"), (Interval{seconds, 172800}));
  EXPECT_EQ(parse_interval("never", "k").unit, never);
  for (const char* text : {"", "10", "min", "0steps", "-1epochs", "1.5h", "3 steps", "5lightyears",
                           "99999999999999999999s"}) {
    const auto thrown = thrown_by([&] { parse_interval(text, "ckpt.every"); });
    EXPECT_EQ(thrown.code, ExitCode::usage) << text;
    EXPECT_TRUE(thrown.mentions("ckpt.every")) << thrown.message;
  }
}

TEST(Interval, IsCrossedAtItsMultiples) {
  const Interval interval{Interval::Unit::steps, 10};
  EXPECT_FALSE(crosses(interval, 0, 9));
  EXPECT_TRUE(crosses(interval, 9, 10));
  EXPECT_FALSE(crosses(interval, 10, 19));
  EXPECT_TRUE(crosses(interval, 10, 35));
}

Marker marker_at(int64_t step, int epochs, bool epoch_end, double accuracy) {
  return {step, epochs, epoch_end, accuracy, 1, {{"part.h5", 1, "00"}}};
}

TEST(Retention, KeepsTheNewestTheBestAndOneOfEachStretch) {
  // An epoch is ten steps; every fifth step was saved.
  std::vector<Marker> markers;
  for (int i = 1; i <= 10; ++i) {
    const int epochs = i / 2;
    markers.push_back(marker_at(5 * i, epochs, i % 2 == 0, epochs == 2 ? 0.9 : 0.8));
  }
  const auto kept = [&](const Retention& retention) {
    const std::set<int64_t> all = kept_steps(markers, retention);
    return Steps(all.begin(), all.end());
  };
  using Unit = Interval::Unit;
  EXPECT_EQ(kept({1, false, {}}), (Steps{50}));
  EXPECT_EQ(kept({2, false, {}}), (Steps{45, 50}));
  EXPECT_EQ(kept({1, true, {}}), (Steps{20, 50})) << "at 25 the weights are others";
  EXPECT_EQ(kept({1, false, {Unit::epochs, 2}}), (Steps{20, 40, 50}));
  EXPECT_EQ(kept({1, false, {Unit::steps, 15}}), (Steps{15, 30, 45, 50}));
  EXPECT_EQ(kept({99, true, {Unit::steps, 7}}).size(), 10U);
}

TEST(MarkerText, EveryFlippedBitIsRefusedByName) {
  const Marker marker = marker_at(1234, 3, false, 0.987654321);
  const std::string text = to_text(marker);
  EXPECT_EQ(to_text(parse_marker(text, "m.json")), text);
  for (size_t bit = 0; bit < 8 * (text.size() - 1); ++bit) {
    std::string damaged = text;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    const auto thrown = thrown_by([&] { parse_marker(damaged, "m.json"); });
    ASSERT_EQ(thrown.code, ExitCode::bad_data) << damaged;
    ASSERT_TRUE(thrown.mentions("m.json")) << thrown.message;
  }
}

TEST(MarkerText, ANewerFormatIsRefusedByItsNumber) {
  std::string text = to_text(marker_at(1, 0, false, 0));
  text.replace(text.find("\"format\":1"), 10, "\"format\":2");
  const auto thrown = thrown_by([&] { parse_marker(text, "m.json"); });
  EXPECT_EQ(thrown.code, ExitCode::bad_data);
  EXPECT_TRUE(thrown.mentions("format 2") && thrown.mentions("newer Podium")) << thrown.message;
}

class StoreTest : public testing::Test {
 protected:
  // A checkpoint whose buffer `b` is cut into `parts` pieces.
  void save(int64_t step, int parts = 1, float first = 0) const {
    store_.open();
    std::vector<float> values(100);
    for (size_t i = 0; i < values.size(); ++i) values[i] = first + static_cast<float>(i);
    for (int part = 0; part < parts; ++part) {
      const auto begin = values.begin() + 100 * part / parts;
      const auto end = values.begin() + 100 * (part + 1) / parts;
      NamedBuffer piece{"b", {static_cast<uint64_t>(end - begin)}, {begin, end}};
      nlohmann::ordered_json card = {{"step", step}, {"part", part}};
      if (parts > 1) {
        card["pieces"]["b"] = {{"shape", {20, 5}}, {"first", begin - values.begin()}};
      }
      std::vector<NamedBuffer> buffers{piece};
      if (part == 0) buffers.push_back({"s", {1}, {first}});
      store_.write_part(step, part, parts, card, buffers);
    }
    store_.seal(marker_at(step, 0, false, 0), parts);
  }

  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(store_.folder())) {
      names.push_back(entry.path().filename());
    }
    std::ranges::sort(names);
    return names;
  }

  void expect_refused(int64_t step, const std::string& name) const {
    const auto thrown = thrown_by([&] { store_.read(step); });
    EXPECT_EQ(thrown.code, ExitCode::bad_data) << thrown.message;
    EXPECT_TRUE(thrown.mentions(name)) << thrown.message;
  }

  test::TemporaryFolder folder_;
  const Store store_{folder_.path() / "cnn"};
};

TEST_F(StoreTest, GivesBackWhatPartsHoldAndListsTheNewestFirst) {
  EXPECT_TRUE(store_.steps().empty()) << "there is no folder";
  save(9);
  save(1000000000, 3);
  save(10, 2);
  EXPECT_EQ(store_.steps(), (Steps{1000000000, 10, 9}));
  for (const int64_t step : store_.steps()) {
    const Snapshot snapshot = store_.read(step);
    ASSERT_EQ(snapshot.buffers.size(), 2U);
    EXPECT_EQ(snapshot.buffers[0].shape.size(), step == 9 ? 1U : 2U);
    ASSERT_EQ(snapshot.buffers[0].values.size(), 100U);
    for (size_t i = 0; i < 100; ++i) EXPECT_EQ(snapshot.buffers[0].values[i], i);
    EXPECT_EQ(snapshot.card.at("part"), 0);
    EXPECT_FALSE(snapshot.card.contains("pieces"));
  }
}

TEST_F(StoreTest, AnyFlippedBitInAnyFileIsRefusedByItsName) {
  save(7, 2);
  Random random(1);
  for (const std::string& name : names()) {
    const fs::path path = store_.folder() / name;
    const test::Bytes whole = test::read_bytes(path);
    for (int i = 0; i < 200; ++i) {
      test::Bytes bytes = whole;
      bytes[random.below(bytes.size() - 1)] ^= static_cast<uint8_t>(1 << random.below(8));
      test::write_bytes(path, bytes);
      expect_refused(7, name);
    }
    for (int i = 0; i < 20; ++i) {
      const auto size = static_cast<long>(random.below(whole.size() - 1));
      test::write_bytes(path, {whole.begin(), whole.begin() + size});
      expect_refused(7, name);
    }
    test::write_bytes(path, whole);
  }
  EXPECT_EQ(store_.read(7).buffers[0].values.size(), 100U);
}

TEST_F(StoreTest, PartsThatAreMissingOrOfAnotherSaveOrFoldersAreRefused) {
  save(7, 2);
  const fs::path part = store_.folder() / "step-000000007-1-of-2.h5";
  const test::Bytes whole = test::read_bytes(part);
  fs::remove(part);
  expect_refused(7, "missing");
  fs::create_directory(part);
  expect_refused(7, part.filename());
  fs::remove(part);

  const test::Bytes marker = test::read_bytes(store_.marker_path(7));
  save(7, 2, 1000);  // sound parts, of which the old marker knows nothing
  test::write_bytes(store_.marker_path(7), marker);
  expect_refused(7, "not the part");
  test::write_bytes(part, whole);
  expect_refused(7, "step-000000007-0-of-2.h5");

  fs::remove(store_.marker_path(7));
  fs::create_directory(store_.marker_path(7));
  expect_refused(7, "step-000000007.json");
}

TEST_F(StoreTest, WithoutItsMarkerThereIsNoCheckpointAndItsPartsGoWithTheNext) {
  save(7);
  save(8, 2);
  fs::remove(store_.marker_path(8));
  EXPECT_EQ(store_.steps(), (Steps{7}));
  save(9);
  test::write_bytes(store_.folder() / "notes.txt", {1});
  store_.retain({1, false, {}});
  EXPECT_EQ(names(),
            (std::vector<std::string>{"notes.txt", "step-000000009.h5", "step-000000009.json"}));
}

TEST_F(StoreTest, WhatCannotBeReadIsNotRemoved) {
  save(7);
  save(8);
  save(9);
  test::write_bytes(store_.marker_path(7), {'x'});
  store_.retain({1, false, {}});
  EXPECT_EQ(store_.steps(), (Steps{9, 7}));
  EXPECT_TRUE(fs::exists(store_.folder() / "step-000000007.h5"));
}

TEST_F(StoreTest, RefusedAndDisplacedCheckpointsAreKeptElsewhere) {
  save(7);
  save(8);
  store_.move_refused(7);
  EXPECT_EQ(store_.steps(), (Steps{7}));
  EXPECT_EQ(Store(store_.folder() / "refused").steps(), (Steps{8}));
  EXPECT_EQ(store_.set_aside(), folder_.path() / "cnn.old-1");
  EXPECT_TRUE(store_.steps().empty());
  EXPECT_EQ(Store(folder_.path() / "cnn.old-1").steps(), (Steps{7}));
  save(9);
  EXPECT_EQ(store_.set_aside(), folder_.path() / "cnn.old-2");
  store_.clear();
  EXPECT_FALSE(fs::exists(store_.folder()));
}

TEST_F(StoreTest, AFileInPlaceOfTheFolderIsTold) {
  test::write_bytes(store_.folder(), {1});
  const auto thrown = thrown_by([&] { store_.open(); });
  EXPECT_EQ(thrown.code, ExitCode::io);
  EXPECT_TRUE(thrown.mentions("cnn")) << thrown.message;
}

class NodeMemory : public testing::Test {
 protected:
  fs::path run(const char* name) const {
    fs::create_directories(folder_.path() / name);
    return folder_.path() / name;
  }
  fs::path root() const { return run("shm"); }

  test::TemporaryFolder folder_;
};

TEST_F(NodeMemory, IsOneFolderARunThatOnlyItsUserMayEnter) {
  const fs::path one = open_node_memory(root(), run("one"));
  EXPECT_EQ(open_node_memory(root(), run("one") / ".." / "one"), one);
  EXPECT_NE(open_node_memory(root(), run("two")), one);
  for (const fs::path& folder : {one, one.parent_path()}) {
    EXPECT_EQ(fs::status(folder).permissions(), fs::perms::owner_all) << folder;
  }
}

TEST_F(NodeMemory, AFolderThatOthersMayEnterIsRefused) {
  const fs::path one = open_node_memory(root(), run("one"));
  fs::permissions(one.parent_path(), fs::perms::all);
  const auto thrown = thrown_by([&] { open_node_memory(root(), run("one")); });
  EXPECT_EQ(thrown.code, ExitCode::io);
  EXPECT_TRUE(thrown.mentions(one.parent_path().string())) << thrown.message;
}

TEST_F(NodeMemory, WhatARunFolderOfTheSameNameLeftIsRemoved) {
  mark_run(run("one"));
  const fs::path one = open_node_memory(root(), run("one"));
  test::write_bytes(one / "state", {1});
  mark_run(run("one"));
  EXPECT_EQ(open_node_memory(root(), run("one")), one);
  EXPECT_TRUE(fs::exists(one / "state")) << "it is the same run";
  fs::remove_all(run("one"));
  mark_run(run("one"));
  EXPECT_EQ(open_node_memory(root(), run("one")), one);
  EXPECT_FALSE(fs::exists(one / "state"));
}

TEST_F(NodeMemory, WhatBelongsToARunThatIsGoneIsRemovedByTheNext) {
  const fs::path one = open_node_memory(root(), run("one"));
  test::write_bytes(one / "state", {1});
  fs::remove_all(run("one"));
  const fs::path two = open_node_memory(root(), run("two"));
  EXPECT_FALSE(fs::exists(one));
  test::write_bytes(two / "state", {1});
  leave_node_memory(root(), run("two"));
  EXPECT_TRUE(fs::exists(two)) << "something is in it";
  fs::remove(two / "state");
  leave_node_memory(root(), run("two"));
  EXPECT_FALSE(fs::exists(two));
}

}  // namespace
}  // namespace podium::ckpt
