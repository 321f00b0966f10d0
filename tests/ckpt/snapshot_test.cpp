#include "ckpt/snapshot.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <limits>
#include <thread>

#include "core/random.hpp"
#include "io/data_files.hpp"
#include "io/files/atomic_file.hpp"
#include "io/limited_child.hpp"
#include "temporary_folder.hpp"

namespace podium::ckpt {
namespace {

using test::thrown_by;

NamedBuffer random_buffer(const std::string& name, std::vector<uint64_t> shape, size_t count) {
  NamedBuffer buffer{name, std::move(shape), std::vector<float>(count)};
  Random random(count);
  for (float& value : buffer.values) value = static_cast<float>(random.normal());
  return buffer;
}

void expect_equal(const Snapshot& a, const Snapshot& b) {
  EXPECT_EQ(a.card, b.card);
  ASSERT_EQ(a.buffers.size(), b.buffers.size());
  for (size_t i = 0; i < a.buffers.size(); ++i) {
    EXPECT_EQ(a.buffers[i].name, b.buffers[i].name);
    EXPECT_EQ(a.buffers[i].shape, b.buffers[i].shape);
    const auto bits = [](const NamedBuffer& buffer) {
      const auto bytes = std::as_bytes(std::span(buffer.values));
      return std::vector<std::byte>(bytes.begin(), bytes.end());
    };
    EXPECT_EQ(bits(a.buffers[i]), bits(b.buffers[i]));
  }
}

class SnapshotTest : public ::testing::Test {
 protected:
  SnapshotTest() {
    snapshot_.card["architecture"] = "conv 32 3; relu; dense 10";
    snapshot_.card["metrics"] = {{"val_accuracy", 0.1}, {"epoch", 3}};
    snapshot_.buffers = {random_buffer("z.weight", {8, 3, 3, 3}, 216),
                         random_buffer("a.bias", {8}, 8), random_buffer("scalar", {}, 1),
                         random_buffer("empty", {0, 4}, 0),
                         random_buffer("dense.weight", {10, 300}, 3000)};
  }

  test::TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_.path() / "model.h5";
  Snapshot snapshot_;
};

TEST_F(SnapshotTest, RoundTripKeepsBitsOrderAndCard) {
  float* values = snapshot_.buffers[0].values.data();
  values[0] = std::numeric_limits<float>::quiet_NaN();
  values[1] = -0.0f;
  values[2] = std::numeric_limits<float>::denorm_min();
  write_snapshot(path_, snapshot_);
  expect_equal(read_snapshot(path_), snapshot_);
  EXPECT_EQ(read_snapshot_card(path_), snapshot_.card);
}

TEST_F(SnapshotTest, LargeCardsAndNoBuffersAreFine) {
  snapshot_.card["history"] = std::string(300000, 'x');  // HDF5 stores it outside the object header
  snapshot_.buffers.clear();
  write_snapshot(path_, snapshot_);
  expect_equal(read_snapshot(path_), snapshot_);
}

TEST_F(SnapshotTest, EqualSnapshotsAreEqualFiles) {
  write_snapshot(path_, snapshot_);
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));  // HDF5's times have whole seconds
  write_snapshot(folder_.path() / "again.h5", snapshot_);
  EXPECT_EQ(test::read_bytes(path_), test::read_bytes(folder_.path() / "again.h5"));
}

TEST_F(SnapshotTest, AShortFileOfAnotherKindIsNotCalledTruncated) {
  io::write_text_file(path_, R"({"format":1,"step":3})");
  const auto other = thrown_by([&] { read_snapshot(path_); });
  EXPECT_EQ(other.code, ExitCode::bad_data);
  EXPECT_TRUE(other.mentions("not a sealed file") && !other.mentions("truncated"));
  for (const char* begun : {"", "podium-seal 1\nschema pod"}) {
    io::write_text_file(path_, begun);
    EXPECT_TRUE(thrown_by([&] { read_snapshot(path_); }).mentions("truncated")) << begun;
  }
}

TEST_F(SnapshotTest, EveryFlippedBitIsRefusedByFileName) {
  write_snapshot(path_, snapshot_);
  const test::Bytes whole = test::read_bytes(path_);
  Random random(2);
  int named = 0;
  for (int i = 0; i < 600; ++i) {
    test::Bytes bytes = whole;
    const uint64_t byte = random.below(bytes.size());
    bytes[byte] ^= static_cast<uint8_t>(1 << random.below(8));
    test::write_bytes(path_, bytes);
    const auto thrown = thrown_by([&] { read_snapshot(path_); });
    EXPECT_EQ(thrown.code, ExitCode::bad_data) << byte << ": " << thrown.message;
    EXPECT_TRUE(thrown.mentions("model.h5")) << thrown.message;
    named += thrown.mentions("buffer 'dense.weight'");
  }
  EXPECT_GT(named, 300);  // it is most of the file
}

// Byte by byte, so that padding and unused space are hit too.
TEST_F(SnapshotTest, AFlippedBitInAnyByteIsRefused) {
  snapshot_.buffers.resize(3);
  write_snapshot(path_, snapshot_);
  const test::Bytes whole = test::read_bytes(path_);
  for (size_t byte = 0; byte < whole.size(); ++byte) {
    test::Bytes bytes = whole;
    bytes[byte] ^= static_cast<uint8_t>(1 << byte % 8);
    test::write_bytes(path_, bytes);
    ASSERT_EQ(thrown_by([&] { read_snapshot(path_); }).code, ExitCode::bad_data) << byte;
  }
}

TEST_F(SnapshotTest, EveryTruncationIsRefused) {
  write_snapshot(path_, snapshot_);
  const test::Bytes whole = test::read_bytes(path_);
  for (size_t size = 0; size < whole.size(); size += 97) {
    test::write_bytes(path_, {whole.begin(), whole.begin() + static_cast<long>(size)});
    EXPECT_EQ(thrown_by([&] { read_snapshot(path_); }).code, ExitCode::bad_data) << size;
  }
}

TEST_F(SnapshotTest, OtherFilesAreRefused) {
  EXPECT_EQ(thrown_by([&] { read_snapshot(path_); }).code, ExitCode::io);
  test::write_bytes(path_, test::Bytes(5000, 'x'));
  EXPECT_EQ(thrown_by([&] { read_snapshot(path_); }).code, ExitCode::bad_data);
  EXPECT_EQ(thrown_by([&] { read_snapshot(folder_.path()); }).code, ExitCode::bad_data);
}

TEST_F(SnapshotTest, NewerVersionAndOtherSchemaAreRefusedByName) {
  write_snapshot(path_, snapshot_);
  const test::Bytes whole = test::read_bytes(path_);
  const std::string text(whole.begin(), whole.begin() + 512);
  const auto with = [&](const std::string& from, const std::string& to) {
    test::Bytes bytes = whole;
    std::copy(to.begin(), to.end(), bytes.begin() + static_cast<long>(text.find(from)));
    test::write_bytes(path_, bytes);
    return thrown_by([&] { read_snapshot(path_); });
  };
  const auto newer = with("version 1", "version 2");
  EXPECT_EQ(newer.code, ExitCode::bad_data);
  EXPECT_TRUE(newer.mentions("version 2"));
  const auto other = with("podium.snapshot", "podium.sandwich");
  EXPECT_EQ(other.code, ExitCode::bad_data);
  EXPECT_TRUE(other.mentions("podium.sandwich"));
}

TEST_F(SnapshotTest, FullDiskKeepsTheOldSnapshot) {
  write_snapshot(path_, snapshot_);
  Snapshot larger = snapshot_;
  larger.buffers.push_back(random_buffer("large", {500000}, 500000));
  for (const uint64_t limit : {0, 400, 5000, 1000000}) {
    const int code = test::run_with_file_limit(limit, [&] { write_snapshot(path_, larger); });
    EXPECT_EQ(code, static_cast<int>(ExitCode::io)) << limit;
  }
  expect_equal(read_snapshot(path_), snapshot_);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path()), {}), 1);
}

TEST_F(SnapshotTest, FileInPlaceOfAFolderIsAnIoError) {
  write_snapshot(path_, snapshot_);
  EXPECT_EQ(thrown_by([&] { write_snapshot(path_ / "model.h5", snapshot_); }).code, ExitCode::io);
}

TEST_F(SnapshotTest, ImproperBuffersAreRefused) {
  for (const char* name : {"", "a/b", ".", "..", "a\nb"}) {
    snapshot_.buffers[0].name = name;
    EXPECT_EQ(thrown_by([&] { write_snapshot(path_, snapshot_); }).code, ExitCode::internal);
  }
  snapshot_.buffers[0].name = "a.bias";  // twice
  EXPECT_EQ(thrown_by([&] { write_snapshot(path_, snapshot_); }).code, ExitCode::internal);
  snapshot_.buffers[0].name = "fine";
  snapshot_.buffers[0].shape = {217};
  EXPECT_EQ(thrown_by([&] { write_snapshot(path_, snapshot_); }).code, ExitCode::internal);
  EXPECT_FALSE(std::filesystem::exists(path_));
}

}  // namespace
}  // namespace podium::ckpt
