#include "io/sources/image_file.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

#include "core/random.hpp"
#include "io/user_images.hpp"
#include "temporary_folder.hpp"

namespace podium::io {
namespace {

using test::Bytes;
using test::PngKind;
using test::thrown_by;

constexpr ImageShape gray_shape{11, 13, 1};
constexpr ImageShape colour_shape{11, 13, 3};

class ImageFileTest : public ::testing::Test {
 protected:
  Bytes pixels(const ImageShape& shape) {
    return test::test_images(1, 1, static_cast<uint32_t>(shape.bytes()));
  }

  test::Thrown decode(const Bytes& bytes) {
    return thrown_by([&] { decode_image(bytes, "here.png"); });
  }

  // What a PNG of 11 x 13 pixels decodes to.
  Image png(const PngKind& kind, const Bytes& rows) {
    test::write_png(path_, 11, 13, kind, rows);
    return read_image(path_);
  }

  test::TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_.path() / "image.png";
};

TEST_F(ImageFileTest, PngGivesThePixelsThatWereWritten) {
  for (const ImageShape& shape : {gray_shape, colour_shape}) {
    for (const bool interlaced : {false, true}) {
      const int colour = shape.channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB;
      const Image image = png({colour, 8, interlaced}, pixels(shape));
      EXPECT_EQ(image.shape, shape);
      EXPECT_EQ(image.pixels, pixels(shape));
    }
  }
}

TEST_F(ImageFileTest, PngOfOtherDepthsBecomesEightBits) {
  Bytes wide;  // big-endian 16 bits: v * 257 is v in 8 bits
  for (const uint8_t value : pixels(gray_shape)) wide.insert(wide.end(), {value, value});
  EXPECT_EQ(png({PNG_COLOR_TYPE_GRAY, 16}, wide).pixels, pixels(gray_shape));

  const Bytes bits(size_t{11} * 2, 0xa5);  // 1 0 1 0 0 1 0 1, thirteen of them a row
  const Image image = png({PNG_COLOR_TYPE_GRAY, 1}, bits);
  EXPECT_EQ(image.shape, gray_shape);
  const Bytes expected{255, 0, 255, 0, 0, 255, 0, 255, 255, 0, 255, 0, 0};
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), image.pixels.begin()));
}

TEST_F(ImageFileTest, PngTransparencyIsDropped) {
  for (const ImageShape& shape : {gray_shape, colour_shape}) {
    const Bytes opaque = pixels(shape);
    Bytes rows;
    for (size_t i = 0; i < opaque.size(); ++i) {
      rows.push_back(opaque[i]);
      if (i % shape.channels == shape.channels - 1) rows.push_back(static_cast<uint8_t>(i));
    }
    const int colour = shape.channels == 1 ? PNG_COLOR_TYPE_GRAY_ALPHA : PNG_COLOR_TYPE_RGB_ALPHA;
    const Image image = png({colour}, rows);
    EXPECT_EQ(image.shape, shape);
    EXPECT_EQ(image.pixels, opaque);
  }
}

TEST_F(ImageFileTest, PngPaletteBecomesColour) {
  const std::vector<png_color> palette{{1, 2, 3}, {40, 50, 60}, {255, 0, 128}};
  Bytes indices;
  for (size_t i = 0; i < gray_shape.bytes(); ++i) indices.push_back(i % 3);
  for (const std::vector<png_byte>& alpha : {std::vector<png_byte>{}, {0, 128, 255}}) {
    const Image image = png({PNG_COLOR_TYPE_PALETTE, 8, false, palette, alpha}, indices);
    ASSERT_EQ(image.shape, colour_shape);
    for (size_t i = 0; i < indices.size(); ++i) {
      EXPECT_EQ(image.pixels[3 * i], palette[i % 3].red);
      EXPECT_EQ(image.pixels[3 * i + 1], palette[i % 3].green);
      EXPECT_EQ(image.pixels[3 * i + 2], palette[i % 3].blue);
    }
  }
}

// JPEG is lossy, but not by much at quality 100 and not at all where an image is flat and gray.
TEST_F(ImageFileTest, JpegGivesThePixelsThatWereWritten) {
  for (const bool progressive : {false, true}) {
    test::write_jpeg(path_, gray_shape, Bytes(gray_shape.bytes(), 77), progressive);
    Image image = read_image(path_);
    EXPECT_EQ(image.shape, gray_shape);
    EXPECT_EQ(image.pixels, Bytes(gray_shape.bytes(), 77));

    Bytes smooth;
    for (size_t i = 0; i < colour_shape.bytes(); ++i) {
      smooth.push_back(static_cast<uint8_t>(i % 3 == 0 ? 200 : 20 + i / 39 * 10));
    }
    test::write_jpeg(path_, colour_shape, smooth, progressive);
    image = read_image(path_);
    ASSERT_EQ(image.shape, colour_shape);
    for (size_t i = 0; i < smooth.size(); ++i) EXPECT_NEAR(image.pixels[i], smooth[i], 4) << i;
  }
}

TEST_F(ImageFileTest, CmykJpegIsRefused) {
  test::write_jpeg(path_, {8, 8, 4}, Bytes(256, 100));
  const auto thrown = thrown_by([&] { read_image(path_); });
  EXPECT_EQ(thrown.code, ExitCode::bad_data);
  EXPECT_TRUE(thrown.mentions("CMYK"));
  EXPECT_TRUE(thrown.mentions("image.png"));
}

TEST_F(ImageFileTest, EveryTruncationIsRefused) {
  for (const int kind : {0, 1, 2}) {
    if (kind == 0) test::write_png(path_, colour_shape, pixels(colour_shape));
    if (kind > 0) test::write_jpeg(path_, colour_shape, pixels(colour_shape), kind == 2);
    const Bytes whole = test::read_bytes(path_);
    EXPECT_EQ(decode(whole).code, ExitCode::done);
    for (size_t size = 0; size < whole.size(); ++size) {
      const Bytes start(whole.begin(), whole.begin() + static_cast<long>(size));
      EXPECT_EQ(decode(start).code, ExitCode::bad_data) << kind << " " << size;
    }
  }
}

TEST_F(ImageFileTest, NoFlippedByteOfAPngPassesSilently) {
  test::write_png(path_, colour_shape, pixels(colour_shape));
  const Bytes whole = test::read_bytes(path_);
  int refused = 0;
  for (size_t at = 0; at < whole.size(); ++at) {
    for (const uint8_t mask : {0x01, 0x80, 0xff}) {
      Bytes bytes = whole;
      bytes[at] ^= mask;
      const auto thrown = thrown_by(
          [&] { EXPECT_EQ(decode_image(bytes, "here").pixels, pixels(colour_shape)) << at; });
      EXPECT_TRUE(thrown.code == ExitCode::done || thrown.code == ExitCode::bad_data);
      refused += thrown.code == ExitCode::bad_data;
    }
  }
  EXPECT_GT(refused, static_cast<int>(whole.size()) * 5 / 2);
}

// JPEG has no checksums: other pixels are possible, anything worse is not.
TEST_F(ImageFileTest, FlippedBytesOfAJpegNeverCrash) {
  for (const bool progressive : {false, true}) {
    test::write_jpeg(path_, colour_shape, pixels(colour_shape), progressive);
    const Bytes whole = test::read_bytes(path_);
    Random random(progressive ? 1 : 2);
    for (int i = 0; i < 3000; ++i) {
      Bytes bytes = whole;
      for (uint64_t flip = 0; flip < 1 + random.below(3); ++flip) {
        bytes[random.below(bytes.size())] ^= static_cast<uint8_t>(1 + random.below(255));
      }
      const ExitCode code = decode(bytes).code;
      EXPECT_TRUE(code == ExitCode::done || code == ExitCode::bad_data);
    }
  }
}

TEST_F(ImageFileTest, OtherFilesAreRefusedByName) {
  for (const Bytes& bytes : {Bytes{}, Bytes{0xff}, Bytes{'G', 'I', 'F', '8', '9', 'a'}}) {
    const auto thrown = decode(bytes);
    EXPECT_EQ(thrown.code, ExitCode::bad_data);
    EXPECT_TRUE(thrown.mentions("neither a PNG nor a JPEG image (here.png)")) << thrown.message;
  }
  EXPECT_EQ(thrown_by([&] { read_image(folder_.path()); }).code, ExitCode::bad_data);
  EXPECT_EQ(thrown_by([&] { read_image(folder_.path() / "absent"); }).code, ExitCode::io);
}

// The sizes in a PNG header, with its checksum made right again.
Bytes with_png_size(Bytes bytes, uint32_t width, uint32_t height) {
  Bytes sizes;
  test::append_big_endian(sizes, width);
  test::append_big_endian(sizes, height);
  std::copy(sizes.begin(), sizes.end(), bytes.begin() + 16);
  Bytes sum;
  test::append_big_endian(sum, static_cast<uint32_t>(crc32(0, bytes.data() + 12, 17)));
  std::copy(sum.begin(), sum.end(), bytes.begin() + 29);
  return bytes;
}

TEST_F(ImageFileTest, ImpossibleSizesAreRefused) {
  test::write_png(path_, colour_shape, pixels(colour_shape));
  const Bytes whole = test::read_bytes(path_);
  EXPECT_EQ(decode(with_png_size(whole, 13, 11)).code, ExitCode::done);
  for (const auto& [width, height] : std::vector<std::pair<uint32_t, uint32_t>>{
           {0, 11}, {13, 0}, {16385, 11}, {13, 16385}, {16384, 16384}, {0xffffffff, 0x7fffffff}}) {
    const auto thrown = decode(with_png_size(whole, width, height));
    EXPECT_EQ(thrown.code, ExitCode::bad_data) << width << " " << height;
    EXPECT_TRUE(thrown.mentions("here.png"));
  }
  EXPECT_TRUE(decode(with_png_size(whole, 16384, 16384)).mentions("at most 256 MiB"));
  test::write_jpeg(path_, colour_shape, pixels(colour_shape));
  Bytes jpeg = test::read_bytes(path_);
  const Bytes frame{0xff, 0xc0};
  const auto header = std::search(jpeg.begin(), jpeg.end(), frame.begin(), frame.end());
  ASSERT_NE(header, jpeg.end());
  std::fill(header + 5, header + 9, 0x7f);  // height and width 32639
  const auto thrown = decode(jpeg);
  EXPECT_EQ(thrown.code, ExitCode::bad_data);
  EXPECT_TRUE(thrown.mentions("32639x32639x3")) << thrown.message;
}

}  // namespace
}  // namespace podium::io
