#include "io/sources/byte_stream.hpp"

#include <gtest/gtest.h>

#include "core/random.hpp"
#include "io/data_files.hpp"
#include "temporary_folder.hpp"

namespace podium::io {
namespace {

using test::Bytes;
using test::gzip;
using test::thrown_by;

constexpr size_t buffer_bytes = size_t{1} << 18;  // of a ByteStream
constexpr size_t trailer_bytes = 8;               // CRC-32 and length, RFC 1952

Bytes noise(size_t count, uint64_t seed = 1) {
  Random random(seed, 0, 0);
  Bytes bytes(count);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.below(256));
  return bytes;
}

// Compresses well, in matches of all lengths and distances.
Bytes text(size_t count, uint64_t seed = 1) {
  Random random(seed, 0, 0);
  Bytes bytes;
  while (bytes.size() < count) {
    if (bytes.size() < 100 || random.below(4) == 0) {
      bytes.push_back(static_cast<uint8_t>('a' + random.below(26)));
      continue;
    }
    const size_t distance = 1 + random.below(std::min<size_t>(bytes.size(), 32768));
    for (size_t length = 3 + random.below(256); length > 0; --length) {
      bytes.push_back(bytes[bytes.size() - distance]);
    }
  }
  bytes.resize(count);
  return bytes;
}

Bytes joined(const std::vector<Bytes>& parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

class ByteStreamTest : public ::testing::Test {
 protected:
  // Reads the file of `bytes` to its end, `piece` bytes at a time.
  Bytes content_of(const Bytes& bytes, size_t piece = 100000) {
    test::write_bytes(path_, bytes);
    ByteStream stream(path_);
    Bytes all;
    Bytes read(piece);
    for (size_t count = piece; count == piece;) {
      count = stream.read(read);
      all.insert(all.end(), read.begin(), read.begin() + static_cast<long>(count));
    }
    EXPECT_EQ(stream.offset(), all.size());
    return all;
  }

  test::TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_.path() / "file";
};

TEST_F(ByteStreamTest, InflatesInPiecesOfAnySize) {
  const Bytes small = text(40000);
  const Bytes large = text(3 << 20);
  for (const size_t piece : {1, 2, 7, 258, 32768}) {
    EXPECT_EQ(content_of(gzip(small), piece), small) << piece;
  }
  for (const size_t piece : {999, 65536, 1 << 20, 5 << 20}) {
    EXPECT_EQ(content_of(gzip(large), piece), large) << piece;
  }
}

TEST_F(ByteStreamTest, ReadsPlainAndEmptyFiles) {
  const Bytes large = noise(buffer_bytes * 2 + 3);
  EXPECT_EQ(content_of(large), large);
  EXPECT_EQ(content_of({}), Bytes{});
  EXPECT_EQ(content_of(gzip({})), Bytes{});
  EXPECT_EQ(content_of({0x1f}), Bytes{0x1f});
}

TEST_F(ByteStreamTest, ReadsManyMembersAsOneFile) {
  std::vector<Bytes> members;
  std::vector<Bytes> contents;
  for (size_t i = 0; i < 300; ++i) {
    contents.push_back(i % 3 == 0 ? noise(i, i) : text(i * 7, i));
    members.push_back(gzip(contents.back()));
  }
  for (const size_t piece : {1, 1000, 1 << 20}) {
    EXPECT_EQ(content_of(joined(members), piece), joined(contents)) << piece;
  }
}

// A member's last block, its trailer and the next header fall on every position about the end of
// the first buffer.
TEST_F(ByteStreamTest, MembersMayEndAnywhereInTheBuffer) {
  const Bytes next = text(500, 9);
  const Bytes next_gzip = gzip(next);
  const size_t overhead = gzip(noise(buffer_bytes)).size() - buffer_bytes;
  for (size_t end = buffer_bytes - 24; end <= buffer_bytes + 24; ++end) {
    const Bytes first = noise(end - overhead);
    const Bytes bytes = joined({gzip(first), next_gzip});
    EXPECT_EQ(content_of(bytes), joined({first, next})) << end;
    EXPECT_EQ(content_of(bytes, first.size()), joined({first, next})) << end;
  }
}

TEST_F(ByteStreamTest, ChecksumAndLengthOfEveryMemberAreVerified) {
  const Bytes first = gzip(text(5000));
  const Bytes second = gzip(noise(700));
  for (size_t byte = 1; byte <= trailer_bytes; ++byte) {
    for (const size_t end : {first.size(), first.size() + second.size()}) {
      Bytes bytes = joined({first, second});
      bytes[end - byte] ^= 0x10;
      for (const size_t piece : {1, 5000, 100000}) {
        const auto thrown = thrown_by([&] { content_of(bytes, piece); });
        EXPECT_EQ(thrown.code, ExitCode::bad_data) << byte << " before " << end;
        EXPECT_TRUE(thrown.mentions("checksum or length")) << thrown.message;
        EXPECT_TRUE(thrown.mentions(path_.string() + " at byte ")) << thrown.message;
      }
    }
  }
}

TEST_F(ByteStreamTest, EveryTruncationIsRefused) {
  const Bytes whole = joined({gzip(text(3000)), gzip(noise(300))});
  const size_t first = gzip(text(3000)).size();
  for (size_t size = 2; size < whole.size(); ++size) {
    if (size == first) continue;  // a whole member
    const auto thrown = thrown_by([&] {
      content_of({whole.begin(), whole.begin() + static_cast<long>(size)});
    });
    EXPECT_EQ(thrown.code, ExitCode::bad_data) << size;
  }
}

TEST_F(ByteStreamTest, BytesBehindTheStreamAreRefused) {
  const Bytes whole = gzip(text(3000));
  for (const Bytes& tail : {Bytes{'x'}, Bytes(1000, 0), Bytes{0x1f}, Bytes{0x1f, 0x8b}}) {
    const auto thrown = thrown_by([&] { content_of(joined({whole, tail})); });
    EXPECT_EQ(thrown.code, ExitCode::bad_data) << tail.size();
  }
}

// Each damaged file gives an error or, where the bit carries no content, the content itself.
TEST_F(ByteStreamTest, NoFlippedBitChangesTheContentSilently) {
  const Bytes content = text(3000);
  const Bytes whole = gzip(content);
  for (size_t bit = 16; bit < whole.size() * 8; bit += 3) {
    Bytes bytes = whole;
    bytes[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    Bytes found;
    const auto thrown = thrown_by([&] { found = content_of(bytes); });
    if (thrown.code == ExitCode::done) {
      EXPECT_EQ(found, content) << bit;
    } else {
      EXPECT_EQ(thrown.code, ExitCode::bad_data) << bit;
    }
  }
}

TEST_F(ByteStreamTest, NoiseBehindAHeaderIsRefused) {
  const Bytes header = gzip({});
  for (uint64_t seed = 0; seed < 300; ++seed) {
    Bytes bytes(header.begin(), header.begin() + 10);
    bytes = joined({bytes, noise(5000, seed)});
    EXPECT_EQ(thrown_by([&] { content_of(bytes, 777); }).code, ExitCode::bad_data) << seed;
  }
}

TEST_F(ByteStreamTest, SkipsAlikeInPlainAndGzip) {
  const Bytes content = text(1 << 20);
  for (const Bytes& bytes : {content, gzip(content)}) {
    test::write_bytes(path_, bytes);
    ByteStream stream(path_);
    Bytes some(10);
    stream.read(some);
    EXPECT_EQ(stream.skip(700000), 700000u);
    EXPECT_EQ(stream.offset(), 700010u);
    stream.read(some);
    EXPECT_TRUE(std::equal(some.begin(), some.end(), content.begin() + 700010));
    EXPECT_EQ(stream.skip(1 << 20), content.size() - 700020);
    EXPECT_EQ(stream.read(some), 0u);
  }
}

}  // namespace
}  // namespace podium::io
