// Bodies in gzip and deflate, against zlib.
#include "serve/protocol/compression.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

#include <random>

#include "serve/protocol/request_error.hpp"

namespace podium::serve {
namespace {

constexpr size_t plenty = size_t{1} << 24;
constexpr int gzip_bits = 15 + 16;  // zlib's windowBits for the gzip format
constexpr int zlib_bits = 15;

int bits_of(Encoding encoding) {
  return encoding == Encoding::gzip ? gzip_bits : zlib_bits;
}

std::string by_zlib(const std::string& content, Encoding encoding) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, bits_of(encoding), 9, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, content.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string zlib_reads(const std::string& body, Encoding encoding, size_t bytes) {
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, bits_of(encoding)), Z_OK);
  std::string out(bytes + 1, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
  stream.avail_in = static_cast<uInt>(body.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  EXPECT_EQ(stream.avail_in, 0u);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

int status_of(const std::string& body, Encoding encoding, size_t most_bytes = plenty) {
  try {
    decompress(body, encoding, most_bytes);
    return 200;
  } catch (const RequestError& error) {
    return error.status();
  }
}

std::vector<std::string> contents() {
  std::mt19937 random(1);
  std::string noise(100'000, '\0');
  for (char& c : noise) c = static_cast<char>(random());
  std::string json;
  for (int i = 0; i < 20'000; ++i) json += std::to_string(random() % 256) + ",";
  return {"", "x", json, noise, std::string(1'000'000, 'a')};
}

class Compressed : public testing::TestWithParam<Encoding> {};

TEST_P(Compressed, GoesBothWaysWithZlib) {
  for (const std::string& content : contents()) {
    EXPECT_EQ(decompress(by_zlib(content, GetParam()), GetParam(), plenty), content);
    const std::string ours = compress(content, GetParam());
    EXPECT_EQ(zlib_reads(ours, GetParam(), content.size()), content) << content.size();
    EXPECT_EQ(decompress(ours, GetParam(), content.size()), content) << "the limit is inclusive";
  }
}

TEST_P(Compressed, ABombStopsAtTheLimit) {
  const std::string bomb = by_zlib(std::string(8'000'000, '0'), GetParam());
  EXPECT_LT(bomb.size(), 10'000u);
  EXPECT_EQ(status_of(bomb, GetParam(), 1'000'000), 413);
  EXPECT_EQ(status_of(bomb, GetParam(), 7'999'999), 413);
  EXPECT_EQ(status_of(bomb, GetParam(), 8'000'000), 200);
}

TEST_P(Compressed, DamageIsABadRequest) {
  const std::string good = by_zlib("a body of some bytes, some of them more than once", GetParam());
  EXPECT_EQ(status_of("", GetParam()), 400);
  EXPECT_EQ(status_of("{}", GetParam()), 400);
  for (size_t bytes = 0; bytes < good.size(); ++bytes) {
    EXPECT_EQ(status_of(good.substr(0, bytes), GetParam()), 400) << bytes << " bytes of it";
  }
  EXPECT_EQ(status_of(good + "tail", GetParam()), 400);
  std::string checksum = good;
  checksum[checksum.size() - (GetParam() == Encoding::gzip ? 8 : 1)] ^= 1;
  EXPECT_EQ(status_of(checksum, GetParam()), 400);
  const Encoding other = GetParam() == Encoding::gzip ? Encoding::deflate : Encoding::gzip;
  EXPECT_EQ(status_of(good, other), 400);
}

INSTANTIATE_TEST_SUITE_P(, Compressed, testing::Values(Encoding::gzip, Encoding::deflate),
                         [](const auto& each) {
                           return each.param == Encoding::gzip ? "Gzip" : "Deflate";
                         });

TEST(Compression, GzipMayHaveSeveralMembers) {
  const std::string two = by_zlib("one, ", Encoding::gzip) + by_zlib("two", Encoding::gzip);
  EXPECT_EQ(decompress(two, Encoding::gzip, plenty), "one, two");
  EXPECT_EQ(status_of(two, Encoding::gzip, 7), 413) << "the limit is of all members";
}

TEST(Compression, AcceptEncodingIsObeyed) {
  for (const auto& [header, encoding] : std::vector<std::pair<const char*, Encoding>>{
           {"", Encoding::identity},
           {"identity", Encoding::identity},
           {"gzip", Encoding::gzip},
           {"deflate", Encoding::deflate},
           {"gzip, deflate, br", Encoding::gzip},
           {"br;q=1.0, GZIP;q=0.2 , *;q=0", Encoding::gzip},
           {"deflate;q=0.9,gzip;q=0.5", Encoding::deflate},
           {"gzip;q=0", Encoding::identity},
           {"gzip;q=0.5, identity", Encoding::identity},
           {"*", Encoding::gzip},
           {"gzip;q=0, *", Encoding::deflate},
           {"gzip;q=nonsense", Encoding::identity},
           {"br, zstd", Encoding::identity},
           {",;,;q=,", Encoding::identity}}) {
    EXPECT_EQ(accepted_encoding(header), encoding) << header;
  }
}

}  // namespace
}  // namespace podium::serve
