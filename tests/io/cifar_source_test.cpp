#include "io/sources/cifar_source.hpp"

#include <gtest/gtest.h>

#include "io/data_files.hpp"
#include "io/source_records.hpp"
#include "temporary_folder.hpp"

namespace podium::io {
namespace {

using test::Bytes;
using test::thrown_by;

constexpr uint64_t pixels = 3072;
constexpr uint64_t plane = 1024;

uint8_t label_of(uint64_t record) {
  return static_cast<uint8_t>(record * 3 % 10);
}

// Records [first, first + count) of a part as on disk: labels, then three planes. Pixel p of
// channel c is position 3p + c of the image that a source gives.
Bytes cifar_bytes(uint64_t part, uint64_t first, uint64_t count, bool coarse = false) {
  Bytes bytes;
  for (uint64_t record = first; record < first + count; ++record) {
    if (coarse) bytes.push_back(200);
    bytes.push_back(label_of(record));
    for (uint64_t c = 0; c < 3; ++c) {
      for (uint64_t p = 0; p < plane; ++p) {
        bytes.push_back(test::test_pixel(part, record, 3 * p + c));
      }
    }
  }
  return bytes;
}

class CifarTest : public ::testing::Test {
 protected:
  CifarTest() { std::filesystem::create_directories(data_); }

  // Three train files of 20, 7 and 13 records, of which the second is gzip, and 15 test records.
  void write_cifar10(const std::filesystem::path& folder) {
    std::filesystem::create_directories(folder);
    test::write_bytes(folder / "data_batch_1.bin", cifar_bytes(0, 0, 20));
    test::write_bytes(folder / "data_batch_2.bin", test::gzip(cifar_bytes(0, 20, 7)));
    test::write_bytes(folder / "data_batch_3.bin", cifar_bytes(0, 27, 13));
    test::write_bytes(folder / "test_batch.bin", cifar_bytes(1, 0, 15));
  }

  std::unique_ptr<Source> open() {
    SourceOptions options;
    options.source = data_.string();
    options.log = Log{LogLevel::error, "test"};
    return open_source(options);
  }

  void expect_records(const test::Records& records, uint64_t part, uint64_t first) {
    for (uint64_t i = 0; i < records.labels.size(); ++i) {
      ASSERT_EQ(records.labels[i], label_of(first + i)) << i;
      for (uint64_t p = 0; p < pixels; ++p) {
        ASSERT_EQ(records.images[i * pixels + p], test::test_pixel(part, first + i, p)) << i;
      }
    }
  }

  test::TemporaryFolder folder_;
  const std::filesystem::path data_ = folder_.path() / "cifar";
};

TEST_F(CifarTest, GivesThePixelsThatWereWrittenAcrossFiles) {
  write_cifar10(data_);
  const auto source = open();
  EXPECT_EQ(source->info().shape, (ImageShape{32, 32, 3}));
  ASSERT_EQ(source->info().train_records, 40u);
  ASSERT_EQ(source->info().test_records, 15u);
  EXPECT_EQ(source->info().class_names[9], "9");
  EXPECT_EQ(source->info().location, std::filesystem::canonical(data_));
  expect_records(test::read_part(*source, Part::train, 9), 0, 0);
  expect_records(test::read_part(*source, Part::test, 15), 1, 0);
  for (const uint64_t first : {0, 5, 19, 20, 26, 27, 39}) {
    expect_records(test::read_records(*source, Part::train, first, 40 - first), 0, first);
  }
}

TEST_F(CifarTest, IsFoundOneLevelDownWithItsClassNames) {
  const auto below = data_ / "cifar-10-batches-bin";
  write_cifar10(below);
  const std::string names =
      "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n";
  test::write_bytes(below / "batches.meta.txt", {names.begin(), names.end()});
  const auto source = open();
  ASSERT_EQ(source->info().class_names.size(), 10u);
  EXPECT_EQ(source->info().class_names[1], "automobile");
  EXPECT_EQ(source->info().class_names[9], "truck");
}

TEST_F(CifarTest, Cifar100GivesFineLabels) {
  test::write_bytes(data_ / "train.bin", cifar_bytes(0, 0, 30, true));
  test::write_bytes(data_ / "test.bin.gz", test::gzip(cifar_bytes(1, 0, 6, true)));
  const auto source = open();
  EXPECT_EQ(source->info().class_names.size(), 100u);
  ASSERT_EQ(source->info().train_records, 30u);
  expect_records(test::read_part(*source, Part::train, 7), 0, 0);
  expect_records(test::read_part(*source, Part::test, 6), 1, 0);
}

TEST_F(CifarTest, FilesAreReadInNumericOrder) {
  for (uint64_t number = 1; number <= 11; ++number) {
    test::write_bytes(data_ / ("data_batch_" + std::to_string(number) + ".bin"),
                      cifar_bytes(0, number - 1, 1));
  }
  test::write_bytes(data_ / "test_batch.bin", cifar_bytes(1, 0, 1));
  expect_records(test::read_part(*open(), Part::train, 4), 0, 0);
}

TEST_F(CifarTest, MissingFilesAreNamed) {
  write_cifar10(data_);
  std::filesystem::remove(data_ / "data_batch_2.bin");
  const auto gap = thrown_by([&] { open(); });
  EXPECT_EQ(gap.code, ExitCode::bad_data);
  EXPECT_TRUE(gap.mentions("data_batch_2.bin")) << gap.message;
  write_cifar10(data_);
  std::filesystem::remove(data_ / "test_batch.bin");
  const auto test_file = thrown_by([&] { open(); });
  EXPECT_EQ(test_file.code, ExitCode::bad_data);
  EXPECT_TRUE(test_file.mentions("test_batch.bin")) << test_file.message;
}

TEST_F(CifarTest, FilesThatEndWithinARecordAreRefusedAtOpen) {
  for (const bool compressed : {false, true}) {
    for (const size_t bytes : {0, 1, 3072, 3074, 20 * 3073 - 1}) {
      write_cifar10(data_);
      Bytes content = cifar_bytes(0, 0, 20);
      content.resize(bytes);
      test::write_bytes(data_ / "data_batch_1.bin", compressed ? test::gzip(content) : content);
      const auto thrown = thrown_by([&] { open(); });
      EXPECT_EQ(thrown.code, ExitCode::bad_data) << bytes;
      EXPECT_TRUE(thrown.mentions("data_batch_1.bin")) << thrown.message;
    }
  }
}

TEST_F(CifarTest, LabelOutOfRangeIsRefusedWithItsOffset) {
  write_cifar10(data_);
  for (const bool compressed : {false, true}) {
    Bytes content = cifar_bytes(0, 27, 13);
    content[4 * 3073] = 10;
    test::write_bytes(data_ / "data_batch_3.bin", compressed ? test::gzip(content) : content);
    const auto thrown = thrown_by([&] { test::read_part(*open(), Part::train, 8); });
    EXPECT_EQ(thrown.code, ExitCode::bad_data);
    EXPECT_TRUE(thrown.mentions("data_batch_3.bin at byte 12292")) << thrown.message;
    EXPECT_TRUE(thrown.mentions("label 10"));
  }
}

TEST_F(CifarTest, FilesThatChangeAfterOpeningAreRefused) {
  write_cifar10(data_);
  const auto source = open();
  test::write_bytes(data_ / "data_batch_3.bin", cifar_bytes(0, 27, 14));
  EXPECT_EQ(thrown_by([&] { test::read_part(*source, Part::train, 8); }).code, ExitCode::bad_data);
  test::write_bytes(data_ / "data_batch_3.bin", cifar_bytes(0, 27, 12));
  EXPECT_EQ(thrown_by([&] { test::read_part(*source, Part::train, 8); }).code, ExitCode::bad_data);
}

TEST_F(CifarTest, DigestFollowsEveryFile) {
  write_cifar10(data_);
  const uint64_t before = open()->digest();
  EXPECT_EQ(open()->digest(), before);
  for (const char* file : {"data_batch_1.bin", "data_batch_3.bin", "test_batch.bin"}) {
    test::flip_bit(data_ / file, 3000, 2);
    EXPECT_NE(open()->digest(), before) << file;
    test::flip_bit(data_ / file, 3000, 2);
  }
}

TEST_F(CifarTest, UnusableClassNamesAreRefused) {
  write_cifar10(data_);
  for (const Bytes& names : {Bytes{}, Bytes{'a'}, Bytes(100000, '\n'), Bytes(70000, 'a')}) {
    test::write_bytes(data_ / "batches.meta.txt", names);
    const auto thrown = thrown_by([&] { open(); });
    EXPECT_EQ(thrown.code, ExitCode::bad_data);
    EXPECT_TRUE(thrown.mentions("batches.meta.txt")) << thrown.message;
  }
}

TEST_F(CifarTest, FoldersInPlaceOfFilesAreNotFiles) {
  write_cifar10(data_);
  std::filesystem::remove(data_ / "data_batch_1.bin");
  std::filesystem::create_directory(data_ / "data_batch_1.bin");
  EXPECT_EQ(thrown_by([&] { open(); }).code, ExitCode::bad_data);
  std::filesystem::remove(data_ / "data_batch_1.bin");
  std::filesystem::create_symlink("data_batch_1.bin", data_ / "data_batch_1.bin");
  EXPECT_EQ(thrown_by([&] { open(); }).code, ExitCode::bad_data);
}

}  // namespace
}  // namespace podium::io
