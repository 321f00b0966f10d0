// What the tests of HDF5 sources share: files of two parts, and how reading them ends.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <initializer_list>
#include <memory>

#include "io/data_files.hpp"
#include "io/source_records.hpp"
#include "io/user_hdf5.hpp"
#include "temporary_folder.hpp"

namespace podium::io {

using test::Bytes;
using test::thrown_by;
using test::UserHdf5;
using test::UserLayout;

inline constexpr uint32_t image_bytes = 5 * 4 * 3;

class Hdf5SourceFixture : public ::testing::Test {
 protected:
  Hdf5SourceFixture() { std::filesystem::create_directories(folder_.path() / "set"); }

  std::unique_ptr<Source> open(const std::filesystem::path& path) {
    SourceOptions options;
    options.source = path.string();
    options.log = Log{LogLevel::error, "test"};
    return open_source(options);
  }
  std::unique_ptr<Source> open() { return open(path_); }

  // `records` images [5,4,3] and labels below 10.
  void write_pair(UserHdf5& file, const std::string& prefix, uint64_t part, uint32_t records,
                  const UserLayout& images = {}, const UserLayout& labels = {}) {
    const Bytes pixels = test::test_images(part, records, image_bytes);
    file.dataset(prefix + "images", H5T_STD_U8LE, H5T_NATIVE_UINT8, {records, 5, 4, 3},
                 pixels.data(), images);
    const Bytes numbers = test::test_labels(records, 10);
    file.dataset(prefix + "labels", H5T_STD_I64LE, H5T_NATIVE_UINT8, {records}, numbers.data(),
                 labels);
  }

  void write_default() {
    UserHdf5 file(path_);
    write_pair(file, "", 0, 53);
    write_pair(file, "test_", 1, 21);
  }

  void expect_part(const Source& source, Part part, uint32_t records) {
    const test::Records read = test::read_part(source, part, 8);
    EXPECT_EQ(read.images, test::test_images(static_cast<uint64_t>(part), records, image_bytes));
    EXPECT_EQ(read.labels, test::test_labels(records, 10));
  }

  // Opens and reads all; what was thrown.
  test::Thrown read_all() {
    return thrown_by([&] {
      const auto source = open();
      for (const Part part : {Part::train, Part::test}) test::read_part(*source, part, 8);
    });
  }

  void expect_refused(std::initializer_list<const char*> mentions) {
    const auto thrown = read_all();
    EXPECT_EQ(thrown.code, ExitCode::bad_data);
    for (const char* text : mentions) EXPECT_TRUE(thrown.mentions(text)) << thrown.message;
  }

  test::TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_.path() / "set.h5";
};

}  // namespace podium::io
