#include "io/sources/idx.hpp"

#include <gtest/gtest.h>

#include "io/data_files.hpp"
#include "temporary_folder.hpp"

namespace podium::io {
namespace {

using test::Bytes;
using test::gzip;
using test::idx_bytes;
using test::thrown_by;
using test::write_bytes;

class IdxTest : public ::testing::Test {
 protected:
  // Reads all records in batches of 7, then finish().
  Bytes read_all(const std::filesystem::path& path) {
    IdxReader reader(path);
    Bytes all;
    for (uint64_t left = reader.records(); left > 0;) {
      const uint64_t count = std::min<uint64_t>(7, left);
      Bytes batch(count * reader.record_bytes());
      reader.read(batch);
      all.insert(all.end(), batch.begin(), batch.end());
      left -= count;
    }
    reader.finish();
    return all;
  }

  std::filesystem::path write(const Bytes& bytes) {
    write_bytes(path_, bytes);
    return path_;
  }

  test::TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_.path() / "file";
  const Bytes pixels_ = test::test_images(0, 100, 12);
  const Bytes idx_ = idx_bytes({100, 3, 4}, pixels_);
};

TEST_F(IdxTest, ReadsPlainAndGzipByContentNotByName) {
  EXPECT_EQ(read_all(write(idx_)), pixels_);
  EXPECT_EQ(read_all(write(gzip(idx_))), pixels_);
}

TEST_F(IdxTest, ReadsSeveralGzipMembersAsOne) {
  Bytes members = gzip({idx_.begin(), idx_.begin() + 500});
  const Bytes rest = gzip({idx_.begin() + 500, idx_.end()});
  members.insert(members.end(), rest.begin(), rest.end());
  EXPECT_EQ(read_all(write(members)), pixels_);
}

TEST_F(IdxTest, SkipsToTheSameRecordsInPlainAndGzip) {
  for (const Bytes& bytes : {idx_, gzip(idx_)}) {
    IdxReader reader(write(bytes));
    reader.skip(93);
    Bytes last(7 * 12);
    reader.read(last);
    reader.finish();
    EXPECT_TRUE(std::equal(last.begin(), last.end(), pixels_.end() - 84));
  }
}

TEST_F(IdxTest, ReadsColour) {
  const Bytes pixels = test::test_images(0, 5, 24);
  EXPECT_EQ(read_all(write(idx_bytes({5, 4, 2, 3}, pixels))), pixels);
}

TEST_F(IdxTest, MissingFileIsAnIoErrorThatNamesIt) {
  const auto thrown = thrown_by([] { IdxReader reader("/nowhere/train"); });
  EXPECT_EQ(thrown.code, ExitCode::io);
  EXPECT_TRUE(thrown.mentions("/nowhere/train"));
}

TEST_F(IdxTest, WrongMagicIsRefusedWithItsValue) {
  for (const Bytes& magic : {Bytes{0x89, 'P', 'N', 'G'}, Bytes{0, 0, 8, 2}, Bytes{0, 0, 13, 3}}) {
    Bytes bytes = idx_;
    std::copy(magic.begin(), magic.end(), bytes.begin());
    const auto thrown = thrown_by([&] { read_all(write(bytes)); });
    EXPECT_EQ(thrown.code, ExitCode::bad_data);
    EXPECT_TRUE(thrown.mentions("wrong magic number 0x"));
    EXPECT_TRUE(thrown.mentions("at byte 0"));
  }
}

TEST_F(IdxTest, EveryTruncationOfAPlainFileIsRefused) {
  for (size_t size = 0; size < idx_.size(); size += size < 20 ? 1 : 37) {
    const auto thrown = thrown_by([&] {
      read_all(write({idx_.begin(), idx_.begin() + static_cast<long>(size)}));
    });
    EXPECT_EQ(thrown.code, ExitCode::bad_data) << size;
    EXPECT_TRUE(thrown.mentions(path_.string())) << thrown.message;
  }
}

TEST_F(IdxTest, EveryTruncationOfAGzipFileIsRefused) {
  const Bytes whole = gzip(idx_);
  for (size_t size = 0; size < whole.size(); ++size) {
    const auto thrown = thrown_by([&] {
      read_all(write({whole.begin(), whole.begin() + static_cast<long>(size)}));
    });
    EXPECT_EQ(thrown.code, ExitCode::bad_data) << size;
  }
}

TEST_F(IdxTest, NoFlippedBitOfAGzipBodyPassesSilently) {
  constexpr size_t gzip_header = 10;  // its time stamp and system fields carry no content
  const Bytes whole = gzip(idx_);
  for (size_t byte = gzip_header; byte < whole.size(); byte += 3) {
    Bytes bytes = whole;
    bytes[byte] ^= 1 << byte % 8;
    const auto thrown = thrown_by([&] { read_all(write(bytes)); });
    EXPECT_EQ(thrown.code, ExitCode::bad_data) << byte;
  }
}

TEST_F(IdxTest, TrailingBytesAreRefused) {
  Bytes longer = idx_;
  longer.push_back(0);
  EXPECT_EQ(thrown_by([&] { read_all(write(longer)); }).code, ExitCode::bad_data);
  EXPECT_EQ(thrown_by([&] { read_all(write(gzip(longer))); }).code, ExitCode::bad_data);
  Bytes garbage = gzip(idx_);
  garbage.push_back('x');
  const auto thrown = thrown_by([&] { read_all(write(garbage)); });
  EXPECT_EQ(thrown.code, ExitCode::bad_data);
  EXPECT_TRUE(thrown.mentions("other bytes follow"));
}

TEST_F(IdxTest, HugeHeaderIsRefusedBeforeAnyAllocation) {
  const auto thrown = thrown_by([&] {
    IdxReader reader(write(gzip(idx_bytes({10, 0xffffffff, 0xffffffff}, {}))));
  });
  EXPECT_EQ(thrown.code, ExitCode::bad_data);
  EXPECT_TRUE(thrown.mentions("16 MiB"));
  EXPECT_EQ(thrown_by([&] {
              IdxReader reader(write(idx_bytes({4, 0, 3}, {})));
            }).code,
            ExitCode::bad_data);
  // A count that the file cannot hold: known at once when plain, at the first batch when gzip.
  EXPECT_EQ(thrown_by([&] {
              IdxReader reader(write(idx_bytes({0xffffffff, 3, 4}, {})));
            }).code,
            ExitCode::bad_data);
}

TEST_F(IdxTest, FolderInPlaceOfAFileIsAnIoError) {
  EXPECT_EQ(thrown_by([&] { IdxReader reader(folder_.path()); }).code, ExitCode::io);
}

}  // namespace
}  // namespace podium::io
