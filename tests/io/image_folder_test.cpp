#include "io/sources/image_folder_source.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/hash.hpp"
#include "io/source_records.hpp"
#include "io/sources/held_out.hpp"
#include "io/user_images.hpp"
#include "temporary_folder.hpp"

namespace podium::io {
namespace {

using test::Bytes;
using test::thrown_by;

constexpr ImageShape shape{6, 5, 3};

// A file that was written: CLASS/FILE, its label, its pixels.
struct Written {
  std::string relative;
  uint8_t label;
  Bytes pixels;
};

class ImageFolderTest : public ::testing::Test {
 protected:
  std::unique_ptr<Source> open(const std::string& transform = "") {
    SourceOptions options;
    options.source = data_.string();
    options.log = Log{LogLevel::error, "test"};
    options.transform = Transform::parse(transform);
    return open_source(options);
  }

  // `count` images for each of the classes ant, bee and cat, in the order of a source.
  std::vector<Written> write_part(const std::filesystem::path& folder, uint64_t part, int count) {
    std::vector<Written> all;
    const std::vector<std::string> names{"ant", "bee", "cat"};
    for (uint8_t label = 0; label < names.size(); ++label) {
      std::filesystem::create_directories(folder / names[label]);
      for (int i = 0; i < count; ++i) {
        const std::string relative = names[label] + "/" + std::to_string(i) + ".PNG";
        Bytes pixels;
        for (uint64_t p = 0; p < shape.bytes(); ++p) {
          pixels.push_back(test::test_pixel(part, all.size(), p));
        }
        test::write_png(folder / relative, shape, pixels);
        all.push_back({relative, label, std::move(pixels)});
      }
    }
    const auto key = [](const Written& image) {
      const std::string& text = image.relative;
      return std::pair(xxh3(std::as_bytes(std::span(text.data(), text.size()))), text);
    };
    std::ranges::sort(all, {}, key);
    return all;
  }

  void expect_part(const Source& source, Part part, const std::vector<Written>& written) {
    const test::Records records = test::read_part(source, part, 4);
    ASSERT_EQ(records.labels.size(), written.size());
    for (size_t i = 0; i < written.size(); ++i) {
      EXPECT_EQ(records.labels[i], written[i].label);
      EXPECT_TRUE(std::equal(written[i].pixels.begin(), written[i].pixels.end(),
                             records.images.begin() + static_cast<long>(i * shape.bytes())));
    }
  }

  // What opening and reading all of it throws.
  test::Thrown read_all(const std::string& transform = "") {
    return thrown_by([&] {
      const auto source = open(transform);
      for (const Part part : {Part::train, Part::test}) test::read_part(*source, part, 8);
    });
  }

  void expect_refused(std::initializer_list<const char*> mentions,
                      ExitCode code = ExitCode::bad_data) {
    const auto thrown = read_all();
    EXPECT_EQ(thrown.code, code) << thrown.message;
    for (const char* text : mentions) EXPECT_TRUE(thrown.mentions(text)) << thrown.message;
  }

  test::TemporaryFolder folder_;
  const std::filesystem::path data_ = folder_.path() / "animals";
};

TEST_F(ImageFolderTest, GivesThePixelsThatWereWrittenInTheOrderOfHashes) {
  for (const char* test_name : {"test", "val", "valid", "validation"}) {
    std::filesystem::remove_all(data_);
    const auto train = write_part(data_ / "train", 0, 14);
    const auto test = write_part(data_ / test_name, 1, 5);
    test::write_bytes(data_ / "README.txt", {'x'});
    test::write_bytes(data_ / "train" / "ant" / ".DS_Store", {'x'});
    test::write_bytes(data_ / "train" / "ant" / "notes.txt", {'x'});
    const auto source = open();
    EXPECT_EQ(source->info().shape, shape);
    EXPECT_EQ(source->info().class_names, (std::vector<std::string>{"ant", "bee", "cat"}));
    EXPECT_EQ(source->info().name, "animals");
    expect_part(*source, Part::train, train);
    expect_part(*source, Part::test, test);
    const test::Records tail = test::read_records(*source, Part::train, 40, 2);
    EXPECT_EQ(tail.labels[1], train[41].label);
  }
}

TEST_F(ImageFolderTest, HoldsOutOneRecordInTenWithoutATestPart) {
  const auto written = write_part(data_, 0, 14);
  const auto source = open();
  const HeldOut held_out(42);
  for (const Part part : {Part::train, Part::test}) {
    const PartRecords expected = PartRecords::of(held_out, part);
    std::vector<Written> of_part;
    for (uint64_t k = 0; k < expected.count(); ++k) of_part.push_back(written[expected.stored(k)]);
    expect_part(*source, part, of_part);
  }
}

TEST_F(ImageFolderTest, ConsecutiveRecordsMixClasses) {
  write_part(data_, 0, 40);
  const test::Records records = test::read_part(*open(), Part::train, 16);
  int changes = 0;
  for (size_t i = 1; i < records.labels.size(); ++i) {
    changes += records.labels[i] != records.labels[i - 1];
  }
  EXPECT_GT(changes, 50);  // of 107, two thirds by chance
}

TEST_F(ImageFolderTest, SizesThatDifferNeedATransform) {
  write_part(data_, 0, 14);
  test::write_png(data_ / "bee" / "odd.png", {9, 8, 3}, Bytes(216, 100));
  expect_refused({"bee/odd.png", "9x8x3", "6x5x3", "--io.transform=\"resize 6 5\""});
  EXPECT_EQ(read_all("resize 4 4").code, ExitCode::done);
  EXPECT_EQ(open("resize 4 4")->info().shape, (ImageShape{4, 4, 3}));

  test::write_png(data_ / "bee" / "odd.png", {6, 5, 1}, Bytes(30, 100));
  expect_refused({"bee/odd.png", "6x5x1", "--io.transform=\"rgb\""});
  EXPECT_EQ(read_all("grayscale").code, ExitCode::done);
  EXPECT_EQ(open("grayscale")->info().shape, (ImageShape{6, 5, 1}));

  test::write_png(data_ / "bee" / "odd.png", {3, 3, 3}, Bytes(27, 100));
  const auto thrown = read_all("crop 5 4");
  EXPECT_EQ(thrown.code, ExitCode::bad_data);
  EXPECT_TRUE(thrown.mentions("bee/odd.png")) << thrown.message;
  EXPECT_TRUE(thrown.mentions("crop 5 4")) << thrown.message;
}

TEST_F(ImageFolderTest, ATransformGivesWhatItGivesOnOneImage) {
  const auto written = write_part(data_, 0, 14);
  const Transform transform = Transform::parse("pad 1; grayscale");
  const auto source = open("pad 1; grayscale");
  const test::Records records = test::read_part(*source, Part::test, 1);
  Bytes expected(8 * 7);
  transform.apply(shape, written[HeldOut(42).test_record(2)].pixels, expected);
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), records.images.begin() + 2 * 56));
}

TEST_F(ImageFolderTest, DamagedImagesAreNamed) {
  write_part(data_, 0, 14);
  const auto path = data_ / "cat" / "3.PNG";
  const Bytes whole = test::read_bytes(path);
  test::write_bytes(path, {});
  expect_refused({"cat/3.PNG"});
  test::write_bytes(path, {whole.begin(), whole.end() - 20});
  expect_refused({"cat/3.PNG"});
  test::write_bytes(path, whole);
  test::flip_bit(path, whole.size() / 2, 3);
  expect_refused({"cat/3.PNG"});
}

TEST_F(ImageFolderTest, ImagesThatAreNoFilesAreNamed) {
  write_part(data_, 0, 14);
  const auto path = data_ / "cat" / "odd.png";
  std::filesystem::create_directory(path);
  expect_refused({"cat/odd.png"});
  std::filesystem::remove(path);
  std::filesystem::create_symlink("odd.png", path);  // a loop
  expect_refused({"cat/odd.png"}, ExitCode::io);
  std::filesystem::remove(path);
  std::filesystem::create_symlink("nowhere.png", path);
  expect_refused({"cat/odd.png"}, ExitCode::io);
  std::filesystem::remove(path);
  std::filesystem::create_symlink(data_ / "cat", data_ / "cat" / "self");  // not an image
  EXPECT_EQ(read_all().code, ExitCode::done);
  std::filesystem::create_symlink("dog", data_ / "dog");
  expect_refused({"animals/dog"}, ExitCode::io);
}

TEST_F(ImageFolderTest, UnusableClassFoldersAreRefused) {
  write_part(data_, 0, 14);
  std::filesystem::create_directory(data_ / "dog");
  expect_refused({"animals/dog", "without images"});
  for (const char* name : {"dog", "bee", "cat"}) std::filesystem::remove_all(data_ / name);
  expect_refused({"2 to 256 classes", "animals"});
  for (int i = 0; i < 256; ++i) {
    std::filesystem::create_directory(data_ / std::to_string(i));
    std::filesystem::copy_file(data_ / "ant" / "1.PNG", data_ / std::to_string(i) / "1.PNG");
  }
  expect_refused({"2 to 256 classes, this one 257"});
  std::filesystem::remove_all(data_ / "ant");
  EXPECT_EQ(read_all().code, ExitCode::done);
}

TEST_F(ImageFolderTest, UnusablePartsAreRefused) {
  write_part(data_ / "train", 0, 14);
  std::filesystem::create_directory(data_ / "test");
  expect_refused({"animals/test", "without class folders"});
  write_part(data_ / "test", 1, 3);
  std::filesystem::copy(data_ / "test" / "ant", data_ / "test" / "dog");
  expect_refused({"test/dog", "train part does not have"});
  std::filesystem::remove_all(data_);
  for (const char* part : {"train", "test"}) {
    std::filesystem::create_directories(data_ / part);
    test::write_png(data_ / part / "1.png", shape, Bytes(shape.bytes(), 1));
  }
  expect_refused({"animals/train", "no class folders"});
  std::filesystem::remove_all(data_);
  write_part(data_, 0, 3);
  expect_refused({"9 records are too few"});
}

TEST_F(ImageFolderTest, DigestFollowsNamesAndContent) {
  write_part(data_, 0, 14);
  const uint64_t before = open()->digest();
  EXPECT_EQ(open()->digest(), before);
  std::filesystem::rename(data_ / "ant" / "1.PNG", data_ / "bee" / "moved.PNG");
  EXPECT_NE(open()->digest(), before);
  std::filesystem::rename(data_ / "bee" / "moved.PNG", data_ / "ant" / "1.PNG");
  EXPECT_EQ(open()->digest(), before);
  test::write_png(data_ / "ant" / "1.PNG", shape, Bytes(shape.bytes(), 1));
  EXPECT_NE(open()->digest(), before);
}

TEST_F(ImageFolderTest, FoldersOfNothingKnownSayWhatIsUnderstood) {
  std::filesystem::create_directories(data_ / "sub" / "deeper");
  test::write_bytes(data_ / "sub" / "notes.txt", {'x'});
  expect_refused({"IDX", "data_batch_1.bin", "train.h5", "PNG or JPEG"});
}

}  // namespace
}  // namespace podium::io
