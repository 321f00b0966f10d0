#include "io/sources/archive.hpp"

#include <gtest/gtest.h>

#include "io/limited_child.hpp"
#include "io/tar_bytes.hpp"
#include "temporary_folder.hpp"

namespace podium::io {
namespace {

using test::Bytes;
using test::gzip;
using test::TarEntry;
using test::thrown_by;

class ArchiveTest : public ::testing::Test {
 protected:
  ArchiveTest() { std::filesystem::create_directories(parent_); }

  void unpack_bytes(const Bytes& bytes) {
    test::write_bytes(archive_, bytes);
    unpack({archive_, {"one.bin", "two.bin"}, target_});
  }

  // Expects a data_error that mentions `text`, and nothing left behind.
  void expect_refused(const std::vector<TarEntry>& entries, const std::string& text) {
    const auto thrown = thrown_by([&] { unpack_bytes(gzip(test::tar_bytes(entries))); });
    EXPECT_EQ(thrown.code, ExitCode::bad_data);
    EXPECT_TRUE(thrown.mentions(text)) << thrown.message;
    EXPECT_TRUE(thrown.mentions(archive_.string())) << thrown.message;
    EXPECT_TRUE(std::filesystem::is_empty(parent_));
  }

  test::TemporaryFolder folder_;
  const std::filesystem::path archive_ = folder_.path() / "set.tar.gz";
  const std::filesystem::path parent_ = folder_.path() / "sets";
  const std::filesystem::path target_ = parent_ / "set";
  const TarEntry one_{"set/one.bin", Bytes(100000, 'a')};
  const TarEntry two_{"set/two.bin", Bytes{'b', 'c'}};
};

TEST_F(ArchiveTest, TakesTheExpectedFilesAndNoOthers) {
  const std::vector<TarEntry> entries{{"set/", {}, '5'}, one_, {"set/readme", {'r'}}, two_};
  for (const Bytes& bytes : {test::tar_bytes(entries), gzip(test::tar_bytes(entries))}) {
    unpack_bytes(bytes);
    EXPECT_EQ(test::read_bytes(target_ / "one.bin"), one_.content);
    EXPECT_EQ(test::read_bytes(target_ / "two.bin"), two_.content);
    EXPECT_FALSE(std::filesystem::exists(target_ / "readme"));
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(parent_), {}), 1);
    std::filesystem::remove_all(target_);
  }
}

TEST_F(ArchiveTest, RemovesWhatAKilledProcessLeft) {
  std::filesystem::create_directories(parent_ / ".set.unpacking" / "deep");
  test::write_bytes(parent_ / ".set.unpacking" / "one.bin", {'x'});
  unpack_bytes(test::tar_bytes({one_, two_}));
  EXPECT_EQ(test::read_bytes(target_ / "one.bin"), one_.content);
  EXPECT_FALSE(std::filesystem::exists(parent_ / ".set.unpacking"));
}

TEST_F(ArchiveTest, PathsThatLeadElsewhereAreRefused) {
  const std::filesystem::path outside = folder_.path() / "evil";
  expect_refused({one_, two_, {"../evil", {'x'}}}, "unsafe path ../evil");
  expect_refused({one_, {"set/../../two.bin", {'x'}}}, "unsafe path");
  expect_refused({one_, two_, {outside.string(), {'x'}}}, "unsafe path " + outside.string());
  EXPECT_FALSE(std::filesystem::exists(outside));
}

TEST_F(ArchiveTest, LinksAndFoldersInPlaceOfFilesAreRefused) {
  expect_refused({one_, {"set/two.bin", {}, '2', "/etc/hostname"}}, "two.bin is no regular file");
  expect_refused({one_, {"set/two.bin", {}, '1', "set/one.bin"}}, "two.bin is no regular file");
  expect_refused({one_, {"set/two.bin", {}, '6'}}, "two.bin is no regular file");
}

TEST_F(ArchiveTest, MissingAndRepeatedFilesAreRefused) {
  expect_refused({one_}, "it has no file two.bin");
  expect_refused({one_, two_, {"other/one.bin", {'x'}}}, "it has one.bin twice");
}

TEST_F(ArchiveTest, EveryTruncationIsRefused) {
  const Bytes whole = gzip(test::tar_bytes({one_, two_}));
  for (size_t size = 0; size < whole.size() - 30; size += 3) {
    const auto thrown = thrown_by([&] {
      unpack_bytes({whole.begin(), whole.begin() + static_cast<long>(size)});
    });
    EXPECT_EQ(thrown.code, ExitCode::bad_data) << size << " " << thrown.message;
    EXPECT_TRUE(std::filesystem::is_empty(parent_)) << size;
  }
}

TEST_F(ArchiveTest, OtherFilesAreNoArchives) {
  for (const Bytes& bytes : {Bytes(5000, 'x'), gzip(Bytes(5000, 'x')), Bytes{}}) {
    EXPECT_EQ(thrown_by([&] { unpack_bytes(bytes); }).code, ExitCode::bad_data);
  }
  const auto absent = thrown_by([&] { unpack({"/nowhere/set.tar", {"one.bin"}, target_}); });
  EXPECT_EQ(absent.code, ExitCode::io);
  EXPECT_TRUE(absent.mentions("/nowhere/set.tar"));
  EXPECT_TRUE(std::filesystem::is_empty(parent_));
}

// 1.1 GiB of zeros, wanted by nobody, in an archive of about 1 MiB.
TEST_F(ArchiveTest, MoreThanOneGibibyteIsRefused) {
  const size_t pieces = 1126;  // of 1 MiB each
  Bytes header = test::tar_header({"set/readme", {}});
  // The size field, 11 octal digits at byte 124, and the checksum that follows from it.
  std::snprintf(reinterpret_cast<char*>(header.data() + 124), 12, "%011zo", pieces << 20);
  std::memset(header.data() + 148, ' ', 8);
  const size_t sum = std::accumulate(header.begin(), header.end(), size_t{0});
  std::snprintf(reinterpret_cast<char*>(header.data() + 148), 8, "%06zo", sum);
  Bytes archive = gzip(header);
  const Bytes piece = gzip(Bytes(1 << 20, 0));  // gzip members may follow one another
  for (size_t i = 0; i < pieces; ++i) archive.insert(archive.end(), piece.begin(), piece.end());
  const auto thrown = thrown_by([&] { unpack_bytes(archive); });
  EXPECT_EQ(thrown.code, ExitCode::bad_data);
  EXPECT_TRUE(thrown.mentions("more than 1 GiB")) << thrown.message;
  EXPECT_TRUE(std::filesystem::is_empty(parent_));
}

TEST_F(ArchiveTest, FullDiskIsAnIoErrorAndLeavesNothing) {
  test::write_bytes(archive_, test::tar_bytes({one_, two_}));
  const int code = test::run_with_file_limit(50000, [&] {
    unpack({archive_, {"one.bin", "two.bin"}, target_});
  });
  EXPECT_EQ(code, static_cast<int>(ExitCode::io));
  EXPECT_TRUE(std::filesystem::is_empty(parent_));
}

}  // namespace
}  // namespace podium::io
