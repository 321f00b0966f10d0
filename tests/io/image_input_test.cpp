// Inputs to classify: every kind gives its images in order, from any record on, in the shape asked
// for, with names and labels where there are any.
#include "io/input/image_input.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "io/data_files.hpp"
#include "io/sources/image_file.hpp"
#include "io/temporary_cache.hpp"
#include "io/user_hdf5.hpp"
#include "io/user_images.hpp"
#include "temporary_folder.hpp"

namespace podium::io {
namespace {

using test::Bytes;
using test::thrown_by;

constexpr ImageShape small{5, 4, 1};

class ImageInputTest : public testing::Test {
 protected:
  InputOptions options(const std::string& text, const Fit& fit = {small, {}, {}}) const {
    InputOptions options{text, Split::test, fit, 10, {}, Log(LogLevel::error, "test")};
    options.source.download_folder = folder() / "downloads";
    return options;
  }

  std::unique_ptr<ImageInput> open(const std::filesystem::path& path,
                                   const Fit& fit = {small, {}, {}}) const {
    return open_input(options(path.string(), fit));
  }

  struct Records {
    Bytes images;
    Bytes labels;
  };

  // All records from `first` on, read in batches of `batch`.
  static Records read(const ImageInput& input, const ImageShape& shape, uint64_t first = 0,
                      size_t batch = 7) {
    Records all;
    const auto stream = input.open(first);
    for (uint64_t at = first; at < input.info().records;) {
      const size_t count = std::min<uint64_t>(batch, input.info().records - at);
      Bytes images(count * shape.bytes());
      Bytes labels(count);
      stream->read(images, labels);
      all.images.insert(all.images.end(), images.begin(), images.end());
      all.labels.insert(all.labels.end(), labels.begin(), labels.end());
      at += count;
    }
    stream->finish();
    return all;
  }

  // Image k of `records` has the pixels of test_images(0, ...).
  Bytes pixels(uint32_t records) const { return test::test_images(0, records, small.bytes()); }

  void write_image(const std::string& name, uint32_t record) const {
    std::filesystem::create_directories((folder() / name).parent_path());
    const Bytes all = pixels(record + 1);
    test::write_png(folder() / name, small,
                    Bytes(all.end() - static_cast<ptrdiff_t>(small.bytes()), all.end()));
  }

  const std::filesystem::path& folder() const { return folder_.path(); }

 private:
  test::TemporaryFolder folder_;
};

TEST_F(ImageInputTest, AFolderOfImagesComesInOrderOfNames) {
  write_image("in/b.png", 0);
  write_image("in/a.PNG", 1);
  write_image("in/c.png", 2);
  test::write_bytes(folder() / "in/notes.txt", {'x'});
  test::write_bytes(folder() / "in/.hidden.png", {'x'});
  const auto input = open(folder() / "in");
  ASSERT_EQ(input->info().records, 3U);
  EXPECT_TRUE(input->info().named);
  EXPECT_FALSE(input->info().labelled);
  EXPECT_EQ(input->name(0) + input->name(1) + input->name(2), "a.PNGb.pngc.png");
  const Bytes all = read(*input, small).images;
  const auto nth = [&](size_t i) {
    return Bytes(all.begin() + static_cast<ptrdiff_t>(i * small.bytes()),
                 all.begin() + static_cast<ptrdiff_t>((i + 1) * small.bytes()));
  };
  EXPECT_EQ(nth(0), read_image(folder() / "in/a.PNG").pixels);
  EXPECT_EQ(nth(1), read_image(folder() / "in/b.png").pixels);
  EXPECT_EQ(read(*input, small, 2).images, nth(2)) << "from any record on";
}

TEST_F(ImageInputTest, FoldersOfImagesAreClasses) {
  write_image("in/dog/1.png", 0);
  write_image("in/cat/2.png", 1);
  write_image("in/cat/1.png", 2);
  std::filesystem::create_directories(folder() / "in/nothing");
  const auto input = open(folder() / "in");
  EXPECT_TRUE(input->info().labelled);
  EXPECT_EQ(input->info().split, "all");
  EXPECT_EQ(input->info().class_names, (std::vector<std::string>{"cat", "dog"}));
  EXPECT_EQ(input->name(2), "dog/1.png");
  EXPECT_EQ(read(*input, small).labels, (Bytes{0, 0, 1}));
}

TEST_F(ImageInputTest, OneImageIsAnInput) {
  test::write_jpeg(folder() / "photo", {5, 4, 3}, Bytes(60, 100));  // told by its content
  const auto input = open(folder() / "photo", {{5, 4, 3}, {}, {}});
  EXPECT_EQ(input->info().records, 1U);
  EXPECT_EQ(input->name(0), "photo");
  EXPECT_EQ(read(*input, {5, 4, 3}).images.size(), 60U);
}

TEST_F(ImageInputTest, FoldersThatAreNotClearOrNotSoundAreRefused) {
  write_image("mixed/a.png", 0);
  write_image("mixed/cat/b.png", 1);
  EXPECT_TRUE(thrown_by([&] { open(folder() / "mixed"); }).mentions("which of them"));
  std::filesystem::create_directories(folder() / "empty");
  EXPECT_EQ(thrown_by([&] { open(folder() / "empty"); }).code, ExitCode::bad_data);
  EXPECT_EQ(thrown_by([&] { open(folder() / "nowhere"); }).code, ExitCode::bad_data);

  write_image("text/a.png", 0);
  test::write_bytes(folder() / "text/b.png", {'h', 'i'});
  const auto input = open(folder() / "text");
  const auto text = thrown_by([&] { read(*input, small); });
  EXPECT_EQ(text.code, ExitCode::bad_data);
  EXPECT_TRUE(text.mentions("b.png")) << text.message;
  EXPECT_TRUE(thrown_by([&] { read(*open(folder() / "text/b.png"), small); }).mentions("b.png"));
  test::write_bytes(folder() / "other", {'h', 'i'});
  EXPECT_TRUE(thrown_by([&] { open(folder() / "other"); }).mentions("neither PNG"));
}

TEST_F(ImageInputTest, IdxImagesComePlainAndCompressed) {
  const Bytes bytes = test::idx_bytes({20, 5, 4}, pixels(20));
  test::write_bytes(folder() / "plain", bytes);
  test::write_bytes(folder() / "packed", test::gzip(bytes));
  for (const char* name : {"plain", "packed"}) {
    const auto input = open(folder() / name);
    EXPECT_EQ(input->info().records, 20U);
    EXPECT_FALSE(input->info().labelled);
    EXPECT_EQ(input->name(12), "12");
    EXPECT_EQ(read(*input, small).images, pixels(20)) << name;
    const Bytes all = pixels(20);
    EXPECT_EQ(read(*input, small, 13).images, Bytes(all.begin() + ptrdiff_t{13} * 20, all.end()))
        << name;
  }
}

TEST_F(ImageInputTest, IdxLabelsAreThoseBesideUnderThePublishedName) {
  test::write_bytes(folder() / "my-images-idx3-ubyte.gz",
                    test::gzip(test::idx_bytes({20, 5, 4}, pixels(20))));
  test::write_bytes(folder() / "my-labels-idx1-ubyte",
                    test::idx_bytes({20}, test::test_labels(20, 10)));
  const auto input = open(folder() / "my-images-idx3-ubyte.gz");
  EXPECT_TRUE(input->info().labelled);
  const Bytes labels = test::test_labels(20, 10);
  EXPECT_EQ(read(*input, small, 3).labels, Bytes(labels.begin() + 3, labels.end()));

  test::write_bytes(folder() / "my-labels-idx1-ubyte", test::idx_bytes({2}, {0, 1}));
  EXPECT_FALSE(open(folder() / "my-images-idx3-ubyte.gz")->info().labelled) << "not one per image";
  test::write_bytes(folder() / "my-labels-idx1-ubyte", test::idx_bytes({20}, Bytes(20, 10)));
  const auto wrong = open(folder() / "my-images-idx3-ubyte.gz");
  EXPECT_EQ(thrown_by([&] { read(*wrong, small); }).code, ExitCode::bad_data) << "10 is no class";
}

TEST_F(ImageInputTest, DamagedIdxFilesAreRefused) {
  const Bytes bytes = test::idx_bytes({20, 5, 4}, pixels(20));
  test::write_bytes(folder() / "short", Bytes(bytes.begin(), bytes.end() - 1));
  EXPECT_TRUE(thrown_by([&] { open(folder() / "short"); }).mentions("truncated"));
  Bytes packed = test::gzip(bytes);
  packed.resize(packed.size() - 9);
  test::write_bytes(folder() / "cut", packed);
  EXPECT_EQ(thrown_by([&] { read(*open(folder() / "cut"), small); }).code, ExitCode::bad_data);
  test::write_bytes(folder() / "none", test::idx_bytes({0, 5, 4}, {}));
  EXPECT_TRUE(thrown_by([&] { open(folder() / "none"); }).mentions("no images"));
  test::write_bytes(folder() / "labels", test::idx_bytes({3}, {1, 2, 3}));
  EXPECT_TRUE(thrown_by([&] { open(folder() / "labels"); }).mentions("labels"));
}

TEST_F(ImageInputTest, Hdf5ImagesComeWithAndWithoutLabels) {
  const Bytes images = pixels(20);
  const std::vector<int64_t> labels = {0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1};
  const auto write = [&](const std::string& name, bool labelled) {
    test::UserHdf5 file(folder() / name);
    file.dataset("images", H5T_STD_U8LE, H5T_NATIVE_UINT8, {20, 5, 4}, images.data());
    if (!labelled) return;
    file.dataset("labels", H5T_STD_I64LE, H5T_NATIVE_INT64, {20}, labels.data());
    file.attribute("class_names", R"(["a","b","c"])", true);
  };
  write("bare.h5", false);
  write("full.h5", true);
  const auto bare = open(folder() / "bare.h5");
  EXPECT_FALSE(bare->info().labelled);
  EXPECT_EQ(read(*bare, small, 0, 20).images, images);
  const auto full = open(folder() / "full.h5");
  EXPECT_TRUE(full->info().labelled);
  EXPECT_EQ(full->info().class_names, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(full->info().records, 20U) << "nothing is held out";
  EXPECT_EQ(read(*full, small, 10).labels, Bytes(labels.begin() + 10, labels.end()));
}

TEST_F(ImageInputTest, OfADataSetTheTestPartIsMeant) {
  test::write_idx_folder(folder() / "set", {.train = 50, .test = 30}, true);
  const auto input = open(folder() / "set");
  EXPECT_EQ(input->info().split, "test");
  ASSERT_EQ(input->info().records, 30U);
  const Records records = read(*input, small);
  EXPECT_EQ(records.images, test::test_images(1, 30, 20));
  EXPECT_EQ(records.labels, test::test_labels(30, 10));

  const auto made = open_input(options("synthetic:100,5,4,1,3"));
  EXPECT_EQ(made->info().records, 10U);
  EXPECT_EQ(made->info().class_names.size(), 3U);
}

TEST_F(ImageInputTest, ACacheGivesItsSplits) {
  test::write_idx_folder(folder() / "set", {.train = 2500, .test = 1300}, false);
  IngestOptions ingest;
  ingest.source = (folder() / "set").string();
  ingest.cache_dir = folder() / "cache";
  ingest.validation_records = 200;
  ingest.log = Log(LogLevel::error, "test");
  const std::filesystem::path cache = test::build_cache(ingest, 2);
  for (const Split split : {Split::test, Split::validation}) {
    InputOptions options = this->options(cache.string());
    options.split = split;
    const auto input = open_input(options);
    EXPECT_EQ(input->info().split, split_name(split));
    const test::SplitContent expected = test::read_split(Dataset::open(cache), split);
    for (const size_t batch : {1, 128, 5000}) {
      EXPECT_EQ(read(*input, small, 0, batch).images, expected.images);
    }
    const uint64_t first = expected.labels.size() - 150;
    EXPECT_EQ(
        read(*input, small, first).labels,
        Bytes(expected.labels.begin() + static_cast<ptrdiff_t>(first), expected.labels.end()));
  }
  InputOptions options = this->options((folder() / "set").string());
  options.split = Split::validation;
  EXPECT_EQ(thrown_by([&] { open_input(options); }).code, ExitCode::usage);
}

// --- Shapes --------------------------------------------------------------------------------------

TEST_F(ImageInputTest, WhatTheUserSaysComesBeforeWhatTheModelKnows) {
  const Fit fit({8, 8, 1}, Transform::parse("crop 8 8"), Transform::parse("resize 8 8"));
  EXPECT_EQ(fit.for_shape({12, 12, 1}, "x").text(), "crop 8 8");
  const auto refused = thrown_by([&] { fit.for_shape({4, 4, 1}, "tiny.png"); });
  EXPECT_EQ(refused.code, ExitCode::bad_data);
  EXPECT_TRUE(refused.mentions("tiny.png")) << refused.message;
}

TEST_F(ImageInputTest, TheModelsTransformIsUsedWhereItLeadsToItsShape) {
  const Fit pad({8, 8, 1}, {}, Transform::parse("pad 2"));
  EXPECT_EQ(pad.for_shape({4, 4, 1}, "x").text(), "pad 2");
  EXPECT_TRUE(pad.for_shape({8, 8, 1}, "x").empty()) << "these were padded before";
  EXPECT_EQ(pad.for_processed().for_shape({8, 8, 1}, "x").text(), "");
  EXPECT_EQ(thrown_by([&] {
              pad.for_processed().for_shape({4, 4, 1}, "x");
            }).code,
            ExitCode::bad_data);
  const Fit both({8, 8, 1}, {}, Transform::parse("crop 6 6; resize 8 8"));
  EXPECT_EQ(both.for_shape({8, 8, 1}, "x").text(), "crop 6 6; resize 8 8")
      << "the model has seen only such images";
}

TEST_F(ImageInputTest, OtherShapesAreRefusedWithTheStepsThatWouldDo) {
  const Fit fit({8, 8, 1}, {}, {});
  const auto refused = thrown_by([&] { fit.for_shape({12, 10, 3}, "x.png"); });
  EXPECT_TRUE(refused.mentions("12x10x3") && refused.mentions("8x8x1")) << refused.message;
  EXPECT_TRUE(refused.mentions("resize 8 8; grayscale")) << refused.message;
  EXPECT_TRUE(thrown_by([&] { fit.for_shape({8, 8, 4}, "x"); }).mentions("convert"));
  EXPECT_EQ(steps_between({8, 8, 1}, {8, 8, 3}), "rgb");
  EXPECT_EQ(steps_between({8, 8, 1}, {8, 8, 1}), "");
}

TEST_F(ImageInputTest, ImagesOfManySizesAreEachBroughtToTheShape) {
  std::filesystem::create_directories(folder() / "in");
  test::write_png(folder() / "in/a.png", {9, 7, 3}, Bytes(9 * 7 * 3, 50));
  test::write_png(folder() / "in/b.png", {3, 3, 1}, Bytes(9, 200));
  const Fit fit(small, Transform::parse("resize 5 4; grayscale"), {});
  const Bytes images = read(*open(folder() / "in", fit), small).images;
  ASSERT_EQ(images.size(), 40U);
  EXPECT_TRUE(std::all_of(images.begin(), images.begin() + 20, [](uint8_t p) { return p == 50; }));
  EXPECT_TRUE(std::all_of(images.begin() + 20, images.end(), [](uint8_t p) { return p == 200; }));
  EXPECT_TRUE(thrown_by([&] { read(*open(folder() / "in"), small); }).mentions("a.png"));
}

TEST_F(ImageInputTest, ArraysAndSourcesAreTransformedToo) {
  test::write_bytes(folder() / "idx", test::idx_bytes({3, 5, 4}, pixels(3)));
  const ImageShape wide{9, 8, 3};
  const Fit fit(wide, {}, Transform::parse("pad 2; rgb"));
  const Bytes images = read(*open(folder() / "idx", fit), wide).images;
  ASSERT_EQ(images.size(), 3 * wide.bytes());
  EXPECT_EQ(images[(2 * 8 + 2) * 3], pixels(1)[0]) << "the first pixel, inside the border";
  EXPECT_EQ(read(*open_input(options("synthetic:100,5,4,1,3", fit)), wide).images.size(),
            10 * wide.bytes());
  EXPECT_EQ(thrown_by([&] {
              open_input(options("synthetic:100,6,6,1,3", {wide, Transform::parse("rgb"), {}}));
            }).code,
            ExitCode::bad_data);
}

}  // namespace
}  // namespace podium::io
