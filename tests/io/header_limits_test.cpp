// Numbers in headers and messages are checked before anything is made of them.
#include <gtest/gtest.h>

#include "io/cache/write_plan.hpp"
#include "io/sources/image_file.hpp"
#include "io/sources/synthetic.hpp"
#include "io/user_images.hpp"
#include "temporary_folder.hpp"

namespace podium::io {
namespace {

using test::Bytes;
using test::thrown_by;

class ImageHeaderTest : public ::testing::Test {
 protected:
  // The first `bytes` of the file that was written.
  test::Thrown decode_cut(size_t bytes) {
    Bytes cut = test::read_bytes(path_);
    cut.resize(bytes);
    return thrown_by([&] { decode_image(cut, "cut"); });
  }

  test::TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_.path() / "image";
};

constexpr uint32_t side = 4000;
constexpr size_t header_bytes = 700;  // and some more

TEST_F(ImageHeaderTest, OfAPngPromisesNoMoreThanTheFileCanHold) {
  test::write_png(path_, side, side, {PNG_COLOR_TYPE_GRAY, 1}, Bytes(side * side / 8, 0));
  EXPECT_EQ(read_image(path_).shape, (ImageShape{side, side, 1}));  // the densest file there is
  const auto thrown = decode_cut(header_bytes);
  EXPECT_EQ(thrown.code, ExitCode::bad_data);
  EXPECT_TRUE(thrown.mentions("promises more pixels")) << thrown.message;
}

TEST_F(ImageHeaderTest, OfAJpegPromisesNoMoreThanTheFileCanHold) {
  for (const bool progressive : {false, true}) {
    test::write_jpeg(path_, {side, side, 1}, Bytes(side * side, 128), progressive);
    EXPECT_EQ(read_image(path_).shape, (ImageShape{side, side, 1}));
    const auto thrown = decode_cut(header_bytes);
    EXPECT_EQ(thrown.code, ExitCode::bad_data);
    EXPECT_TRUE(thrown.mentions("promises more pixels")) << thrown.message;
  }
}

TEST(SyntheticLimits, PatternsOfAllClassesFitInMemory) {
  EXPECT_EQ(parse_synthetic("synthetic:100,4096,4096,1,16").classes, 16u);
  const auto thrown = thrown_by([] { parse_synthetic("synthetic:100,4096,4096,1,17"); });
  EXPECT_EQ(thrown.code, ExitCode::usage);
  EXPECT_TRUE(thrown.mentions("too large images for so many classes")) << thrown.message;
}

TEST(MessageNumbers, AreWholeAndInRange) {
  const std::string text = WritePlan{"/cache", "set", "a", 2, {}, {7}}.to_json();
  const auto refuses = [&](const std::string& from, const std::string& to) {
    std::string changed = text;
    changed.replace(changed.find(from), from.size(), to);
    return thrown_by([&] { WritePlan::from_json(changed); }).code == ExitCode::internal;
  };
  EXPECT_EQ(WritePlan::from_json(text).to_json(), text);
  for (const char* number : {"-1", "1e60", "0.5", "18446744073709551616", "\"2\"", "null"}) {
    EXPECT_TRUE(refuses("\"generation\":2", std::string("\"generation\":") + number)) << number;
  }
  EXPECT_TRUE(refuses("[7]", "[256]"));
}

}  // namespace
}  // namespace podium::io
