#include "io/image/transform.hpp"

#include <gtest/gtest.h>

#include <numeric>

#include "io/data_files.hpp"
#include "io/sources/synthetic.hpp"
#include "io/sources/transformed_source.hpp"

namespace podium::io {
namespace {

using test::Bytes;
using test::thrown_by;

Bytes applied(const std::string& text, const ImageShape& shape, const Bytes& image) {
  const Transform transform = Transform::parse(text);
  Bytes result(transform.output(shape).bytes());
  transform.apply(shape, image, result);
  return result;
}

std::string resize_text(const ImageShape& to) {
  return "resize " + std::to_string(to.height) + " " + std::to_string(to.width);
}

// Images of (7 i^2 + 31 i + 13) mod 251, resized by Pillow 13.0 with Image.BILINEAR.
struct Golden {
  ImageShape input;
  ImageShape output;
  Bytes pixels;
};

const std::vector<Golden>& pillow() {
  static const std::vector<Golden> table{
      {{7, 5, 1}, {4, 3, 1}, {79, 118, 180, 89, 115, 97, 135, 107, 81, 152, 136, 92}},
      {{4, 4, 3}, {5, 2, 3}, {107, 139, 113, 155, 74,  186, 95,  94,  86,  145,
                              82,  161, 103, 101, 58,  156, 112, 136, 116, 144,
                              67,  140, 158, 126, 115, 185, 126, 66,  202, 137}},
      {{3, 2, 1}, {7, 6, 1}, {13,  13,  26,  38,  51,  51,  26,  26,  40,  54,  68,  68,  64,  64,
                              83,  100, 118, 118, 103, 103, 125, 147, 169, 169, 166, 166, 156, 146,
                              136, 136, 228, 228, 187, 144, 103, 103, 249, 249, 197, 144, 92,  92}},
      {{28, 28, 1}, {5, 5, 1}, {129, 130, 120, 136, 128, 134, 139, 117, 135, 125, 129, 128, 121,
                                141, 124, 142, 128, 121, 137, 117, 135, 128, 125, 135, 124}},
      {{5, 9, 1}, {5, 4, 1}, {47,  158, 156, 147, 87,  133, 65,  47, 113, 171,
                              103, 76,  112, 143, 144, 128, 147, 86, 186, 166}},
      {{2, 2, 3}, {3, 3, 3}, {13,  51,  103, 91,  150, 98, 169, 249, 92, 107, 61,  155, 122, 98,
                              150, 138, 134, 145, 200, 71, 207, 153, 45, 202, 106, 19,  197}},
  };
  return table;
}

TEST(TransformTest, ResizeGivesPillowsPixels) {
  for (const Golden& golden : pillow()) {
    Bytes image;
    for (size_t i = 0; i < golden.input.bytes(); ++i) {
      image.push_back(static_cast<uint8_t>((7 * i * i + 31 * i + 13) % 251));
    }
    EXPECT_EQ(applied(resize_text(golden.output), golden.input, image), golden.pixels)
        << golden.input.height << "x" << golden.input.width;
  }
}

// Every pair of sizes: a surface of one colour keeps it, a ramp stays a ramp between its ends.
TEST(TransformTest, ResizeKeepsColourAndOrder) {
  for (size_t from = 1; from <= 40; ++from) {
    Bytes ramp(from);
    std::iota(ramp.begin(), ramp.end(), uint8_t{100});
    for (size_t to = 1; to <= 40; ++to) {
      const std::string text = resize_text({1, to, 1});
      EXPECT_EQ(applied(text, {1, from, 1}, Bytes(from, 255)), Bytes(to, 255)) << from << " " << to;
      const Bytes result = applied(text, {1, from, 1}, ramp);
      EXPECT_TRUE(std::is_sorted(result.begin(), result.end())) << from << " " << to;
      EXPECT_GE(result.front(), ramp.front());
      EXPECT_LE(result.back(), ramp.back());
    }
    EXPECT_EQ(applied(resize_text({1, from, 1}), {1, from, 1}, ramp), ramp);
  }
}

TEST(TransformTest, ResizeOfLongAxesStaysExact) {
  EXPECT_EQ(applied("resize 1 1", {1, 1 << 20, 1}, Bytes(1 << 20, 200)), Bytes{200});
  EXPECT_EQ(applied("resize 16384 1", {1, 1, 1}, {77}), Bytes(16384, 77));
}

TEST(TransformTest, CropTakesTheMiddle) {
  const Bytes image{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14};  // 3 x 5
  EXPECT_EQ(applied("crop 1 3", {3, 5, 1}, image), (Bytes{6, 7, 8}));
  EXPECT_EQ(applied("crop 2 2", {3, 5, 1}, image), (Bytes{1, 2, 6, 7}));
  EXPECT_EQ(applied("crop 1 1", {1, 2, 3}, {1, 2, 3, 4, 5, 6}), (Bytes{1, 2, 3}));
}

TEST(TransformTest, PadAddsZerosOnEverySide) {
  EXPECT_EQ(applied("pad 1", {1, 2, 2}, {1, 2, 3, 4}),
            (Bytes{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
}

// Pillow's convert("L") of the same four pixels.
TEST(TransformTest, GrayscaleIsLuma) {
  EXPECT_EQ(applied("grayscale", {1, 4, 3}, {255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 200, 30}),
            (Bytes{76, 150, 29, 124}));
  EXPECT_EQ(applied("grayscale", {1, 2, 1}, {3, 4}), (Bytes{3, 4}));
}

TEST(TransformTest, RgbRepeatsGray) {
  EXPECT_EQ(applied("rgb", {1, 2, 1}, {3, 4}), (Bytes{3, 3, 3, 4, 4, 4}));
  EXPECT_EQ(applied("rgb", {1, 1, 3}, {3, 4, 5}), (Bytes{3, 4, 5}));
}

TEST(TransformTest, StepsFollowOneAnother) {
  const Transform transform = Transform::parse(" resize  2 2;pad 1 ; rgb;crop 2 4");
  EXPECT_EQ(transform.text(), "resize 2 2; pad 1; rgb; crop 2 4");
  EXPECT_EQ(Transform::parse(transform.text()).text(), transform.text());
  EXPECT_EQ(transform.output({8, 8, 1}), (ImageShape{2, 4, 3}));
  const Bytes row{0, 0, 0, 9, 9, 9, 9, 9, 9, 0, 0, 0};
  Bytes both = row;
  both.insert(both.end(), row.begin(), row.end());
  EXPECT_EQ(applied(transform.text(), {8, 8, 1}, Bytes(64, 9)), both);
}

TEST(TransformTest, EmptyTextLeavesImagesAsTheyAre) {
  for (const char* text : {"", "  "}) {
    EXPECT_TRUE(Transform::parse(text).empty());
    EXPECT_EQ(applied(text, {1, 2, 1}, {3, 4}), (Bytes{3, 4}));
  }
}

TEST(TransformTest, WrongTextNamesTheStep) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"resize 0 4", "resize 0 4: sizes are 1 to 16384"},
      {"rgb; resize 4 16385", "resize 4 16385: sizes are 1 to 16384"},
      {"pad -1", "pad -1: sizes"},
      {"pad 2x", "pad 2x: sizes"},
      {"pad 99999999999999999999", "sizes are 1 to 16384"},
      {"resize 4", "resize 4: takes 2 sizes"},
      {"rgb 3", "rgb 3: takes 0 sizes"},
      {"rotate 90", "rotate 90: no such step"},
      {"rgb;", "empty step"},
      {";", "empty step"},
  };
  for (const auto& [text, message] : cases) {
    const auto thrown = thrown_by([&] { Transform::parse(text); });
    EXPECT_EQ(thrown.code, ExitCode::usage) << text;
    EXPECT_TRUE(thrown.mentions(message)) << thrown.message;
    EXPECT_TRUE(thrown.mentions("--io.transform")) << thrown.message;
  }
}

TEST(TransformTest, ImagesThatAStepCannotTakeAreRefused) {
  struct Case {
    std::string text;
    ImageShape input;
    std::string message;
  };
  const std::vector<Case> cases{
      {"crop 5 5", {4, 8, 1}, "crop 5 5: the image is only 4x8x1"},
      {"grayscale", {4, 4, 2}, "grayscale: the image is 4x4x2, not of 1 or 3 channels"},
      {"rgb", {4, 4, 4}, "rgb: "},
      {"resize 4096 4097", {4, 4, 1}, "more than 16 MiB: 4096x4097x1"},
      {"resize 9000 9000; resize 4 4", {4, 4, 1}, "resize 9000 9000: makes images of more"},
      {"resize 1 16384", {1 << 20, 1, 1}, "more than 64 MiB in between"},
      {"pad 16384", {4, 4, 1}, "pad 16384: makes images of more than 16 MiB"},
  };
  for (const Case& c : cases) {
    const auto thrown = thrown_by([&] { Transform::parse(c.text).output(c.input); });
    EXPECT_EQ(thrown.code, ExitCode::usage) << c.text;
    EXPECT_TRUE(thrown.mentions(c.message)) << thrown.message;
  }
}

std::unique_ptr<Source> synthetic(const ImageShape& shape) {
  return open_synthetic_source({50, shape, 5, 7}, "synthetic");
}

// Images so large that a stream has to take several pieces for one read.
TEST(TransformedSourceTest, TransformsEachImageOfEachPart) {
  const ImageShape shape{500, 400, 3};
  const Transform transform = Transform::parse("resize 10 8; grayscale");
  const auto base = synthetic(shape);
  const auto source = transformed(synthetic(shape), transform);
  EXPECT_EQ(source->info().shape, (ImageShape{10, 8, 1}));
  EXPECT_EQ(source->info().train_records, 50u);
  EXPECT_EQ(source->digest(), base->digest());

  Bytes original(shape.bytes());
  Bytes images(20 * 80);
  Bytes labels(20);
  const auto stream = source->open(Part::train, 30);
  const auto originals = base->open(Part::train, 30);
  stream->read(images, labels);
  stream->finish();
  for (size_t i = 0; i < labels.size(); ++i) {
    Bytes label(1);
    Bytes expected(80);
    originals->read(original, label);
    transform.apply(shape, original, expected);
    EXPECT_EQ(labels[i], label[0]);
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), images.begin() + i * 80)) << i;
  }
}

TEST(TransformedSourceTest, AnEmptyTransformIsTheBaseItself) {
  auto base = synthetic({4, 4, 1});
  const Source* const address = base.get();
  EXPECT_EQ(transformed(std::move(base), Transform()).get(), address);
}

TEST(TransformedSourceTest, ATransformThatCannotTakeTheImagesIsRefused) {
  const auto thrown = thrown_by([] {
    transformed(synthetic({4, 4, 1}), Transform::parse("crop 5 5"));
  });
  EXPECT_EQ(thrown.code, ExitCode::usage);
}

}  // namespace
}  // namespace podium::io
