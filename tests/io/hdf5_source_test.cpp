#include "io/sources/hdf5_source.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "io/hdf5_source_fixture.hpp"
#include "io/sources/held_out.hpp"

namespace podium::io {
namespace {

using Hdf5SourceTest = Hdf5SourceFixture;

TEST_F(Hdf5SourceTest, GivesThePixelsThatWereWrittenInEveryLayout) {
  const std::vector<UserLayout> layouts{{},
                                        {{1, 5, 4, 3}, 0},
                                        {{10, 5, 4, 3}, 6, true, true},
                                        {{7, 2, 3, 1}, 1, true},
                                        {{53, 5, 4, 3}, 9}};
  for (const UserLayout& layout : layouts) {
    for (const bool newest : {false, true}) {
      {
        UserHdf5 file(path_, newest);
        write_pair(file, "", 0, 53, layout,
                   {layout.chunk.empty() ? layout.chunk : std::vector<hsize_t>{9}});
        write_pair(file, "test_", 1, 53);
      }
      const auto source = open();
      EXPECT_EQ(source->info().shape, (ImageShape{5, 4, 3}));
      EXPECT_EQ(source->info().class_names.size(), 10u);
      EXPECT_EQ(source->info().name, "set_h5");
      expect_part(*source, Part::train, 53);
      expect_part(*source, Part::test, 53);
    }
  }
}

TEST_F(Hdf5SourceTest, FindsGroupsAndPairsOfFiles) {
  {
    UserHdf5 file(path_);
    for (const char* group : {"train", "test"}) file.group(group);
    write_pair(file, "train/", 0, 30);
    write_pair(file, "test/", 1, 12);
    UserHdf5 train(folder_.path() / "set" / "train.h5");
    write_pair(train, "", 0, 30);
    UserHdf5 test(folder_.path() / "set" / "test.hdf5");
    write_pair(test, "", 1, 12);
  }
  for (const auto& path : {path_, folder_.path() / "set"}) {
    const auto source = open(path);
    ASSERT_EQ(source->info().train_records, 30u);
    expect_part(*source, Part::train, 30);
    expect_part(*source, Part::test, 12);
    const test::Records tail = test::read_records(*source, Part::train, 25, 5);
    EXPECT_EQ(tail.images[0], test::test_pixel(0, 25, 0));
  }
  std::filesystem::remove(folder_.path() / "set" / "test.hdf5");
  const auto thrown = thrown_by([&] { open(folder_.path() / "set"); });
  EXPECT_EQ(thrown.code, ExitCode::bad_data);
  EXPECT_TRUE(thrown.mentions("test.h5")) << thrown.message;
}

TEST_F(Hdf5SourceTest, HoldsOutOneRecordInTenWithoutATestPart) {
  {
    UserHdf5 file(path_);
    write_pair(file, "", 0, 57, {{4, 5, 4, 3}, 3});
  }
  const auto source = open();
  const HeldOut held_out(57);
  for (const Part part : {Part::train, Part::test}) {
    const PartRecords expected = PartRecords::of(held_out, part);
    const test::Records records = test::read_part(*source, part, 13);
    ASSERT_EQ(records.labels.size(), expected.count());
    for (uint64_t k = 0; k < expected.count(); ++k) {
      EXPECT_EQ(records.labels[k], (expected.stored(k) * 3 + 1) % 10);
      EXPECT_EQ(records.images[k * image_bytes], test::test_pixel(0, expected.stored(k), 0));
      EXPECT_EQ(test::read_records(*source, part, k, 1).images[7],
                test::test_pixel(0, expected.stored(k), 7));
    }
  }
}

TEST_F(Hdf5SourceTest, FloatsBecomeBytesByRounding) {
  for (const bool is_double : {false, true}) {
    {
      UserHdf5 file(path_);
      std::vector<double> pixels;
      for (int i = 0; i < 20 * 256; ++i)
        pixels.push_back((i % 256 + (i < 256 ? 0.8 : 0.0)) / 255.8);
      for (int i = 256; i < 512; ++i) pixels[static_cast<size_t>(i)] = (i - 256) / 255.0;
      file.dataset("images", is_double ? H5T_IEEE_F64BE : H5T_IEEE_F32LE, H5T_NATIVE_DOUBLE,
                   {20, 16, 16}, pixels.data(), {{3, 16, 16}, 4});
      const Bytes labels = test::test_labels(20, 10);
      file.dataset("labels", H5T_STD_U8LE, H5T_NATIVE_UINT8, {20}, labels.data());
      file.dataset("test_images", H5T_STD_U8LE, H5T_NATIVE_UINT8, {20, 16, 16},
                   test::test_images(1, 20, 256).data());
      file.dataset("test_labels", H5T_STD_U16BE, H5T_NATIVE_UINT8, {20}, labels.data());
    }
    const auto source = open();
    EXPECT_EQ(source->info().shape, (ImageShape{16, 16, 1}));
    const test::Records records = test::read_part(*source, Part::train, 20);
    for (int i = 0; i < 256; ++i) {
      EXPECT_EQ(records.images[static_cast<size_t>(256 + i)], i);
      EXPECT_EQ(records.images[static_cast<size_t>(i)], std::lround((i + 0.8) / 255.8 * 255.0))
          << i;
    }
    EXPECT_EQ(test::read_part(*source, Part::test, 20).images, test::test_images(1, 20, 256));
  }
}

TEST_F(Hdf5SourceTest, ClassNamesAreReadFromTextOfAnyLength) {
  for (const bool variable : {false, true}) {
    {
      UserHdf5 file(path_);
      write_pair(file, "", 0, 53);
      file.attribute("class_names", R"(["a","b","c","d","e","f","g","h","ü","j"])", variable);
    }
    const auto source = open();
    ASSERT_EQ(source->info().class_names.size(), 10u);
    EXPECT_EQ(source->info().class_names[8], "ü");
  }
}

TEST_F(Hdf5SourceTest, DigestFollowsContent) {
  write_default();
  const uint64_t before = open()->digest();
  EXPECT_EQ(open()->digest(), before);
  const Bytes whole = test::read_bytes(path_);
  test::flip_bit(path_, whole.size() - 1, 1);
  EXPECT_NE(open()->digest(), before);
}

}  // namespace
}  // namespace podium::io
