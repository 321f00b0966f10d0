#include "io/files/hdf5_file.hpp"

#include <gtest/gtest.h>
#include <hdf5.h>

#include <thread>

#include "core/random.hpp"
#include "io/data_files.hpp"
#include "io/files/seal.hpp"
#include "io/limited_child.hpp"
#include "temporary_folder.hpp"

namespace podium::io {
namespace {

using test::thrown_by;

constexpr Schema schema{"podium.test", 2, "make it again"};

// A sealed file with a chunked dataset, a contiguous one and an attribute.
void write_file(const std::filesystem::path& path, const std::vector<uint8_t>& values) {
  TemporaryFile temporary(path);
  Hdf5File file = Hdf5File::create(temporary, values.size());
  file.write_attribute("text", "grüße");
  file.create_dataset<uint8_t>("chunked", {values.size() / 4, 4}, 10)
      .write(0, std::span<const uint8_t>(values));
  const std::vector<float> floats{1.5f, -2.0f};
  file.create_group("group");
  file.create_dataset<float>("group/floats", {2}, 0).write(0, std::span<const float>(floats));
  file.close();
  seal_and_publish(temporary, schema);
}

class Hdf5Test : public ::testing::Test {
 protected:
  Hdf5Test() { write_file(path_, values_); }

  test::TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_.path() / "file.h5";
  const std::vector<uint8_t> values_ = test::test_images(0, 100, 4);
};

TEST_F(Hdf5Test, RoundTrip) {
  const Hdf5File file = Hdf5File::open(path_);
  EXPECT_EQ(file.read_attribute("text"), "grüße");
  const Hdf5Dataset chunked = file.dataset<uint8_t>("chunked");
  EXPECT_EQ(chunked.shape(), (std::vector<uint64_t>{100, 4}));
  std::vector<uint8_t> rows(28);
  chunked.read(7, std::span(rows));
  EXPECT_TRUE(std::equal(rows.begin(), rows.end(), values_.begin() + 28));
  std::vector<float> floats(2);
  file.dataset<float>("group/floats").read(0, std::span(floats));
  EXPECT_EQ(floats, (std::vector<float>{1.5f, -2.0f}));
}

TEST_F(Hdf5Test, TextsAreWhatOtherProgramsRead) {
  const std::filesystem::path path = folder_.path() / "texts.h5";
  {
    TemporaryFile temporary(path);
    Hdf5File file = Hdf5File::create(temporary, 0);
    {
      Hdf5Dataset texts = file.create_texts("texts", 3, 6);
      texts.write_texts(1, std::vector<std::string>{"grüß", "longer than six"});
      texts.write_texts(0, std::vector<std::string>{""});
    }
    file.close();
    seal_and_publish(temporary, schema);
  }
  // Through the plain library.
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  const hid_t dataset = H5Dopen2(file, "texts", H5P_DEFAULT);
  const hid_t type = H5Dget_type(dataset);
  EXPECT_EQ(H5Tget_class(type), H5T_STRING);
  EXPECT_EQ(H5Tget_cset(type), H5T_CSET_UTF8);
  std::string rows(18, 'x');
  EXPECT_GE(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows.data()), 0);
  EXPECT_EQ(rows, std::string(6, '\0') + "grüß" + "longer") << "cut to the width";
  H5Tclose(type);
  H5Dclose(dataset);
  H5Fclose(file);
}

TEST_F(Hdf5Test, EqualContentGivesEqualBytes) {
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));  // HDF5's times have whole seconds
  write_file(folder_.path() / "again.h5", values_);
  EXPECT_EQ(test::read_bytes(path_), test::read_bytes(folder_.path() / "again.h5"));
}

TEST_F(Hdf5Test, MissingAndMistypedThingsAreDataErrors) {
  const Hdf5File file = Hdf5File::open(path_);
  const auto missing = thrown_by([&] { file.dataset<uint8_t>("absent"); });
  EXPECT_EQ(missing.code, ExitCode::bad_data);
  EXPECT_TRUE(missing.mentions("file.h5 dataset absent"));
  EXPECT_EQ(thrown_by([&] { file.dataset<float>("chunked"); }).code, ExitCode::bad_data);
  EXPECT_EQ(thrown_by([&] { file.read_attribute("absent"); }).code, ExitCode::bad_data);
}

TEST_F(Hdf5Test, OtherFilesAreRefused) {
  test::write_bytes(folder_.path() / "text", test::Bytes(2000, 'x'));
  EXPECT_EQ(thrown_by([&] { Hdf5File::open(folder_.path() / "text"); }).code, ExitCode::bad_data);
  EXPECT_EQ(thrown_by([&] { Hdf5File::open(folder_.path() / "absent"); }).code, ExitCode::io);
}

TEST_F(Hdf5Test, FullDiskIsAnIoError) {
  const int code = test::run_with_file_limit(
      3000, [&] { write_file(folder_.path() / "large.h5", std::vector<uint8_t>(100000)); });
  EXPECT_EQ(code, static_cast<int>(ExitCode::io));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "large.h5"));
}

TEST_F(Hdf5Test, ThreadsShareTheLibrary) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < 20; ++i) {
        write_file(folder_.path() / ("thread" + std::to_string(t)), values_);
        std::vector<uint8_t> rows(400);
        Hdf5File::open(path_).dataset<uint8_t>("chunked").read(0, std::span(rows));
        EXPECT_EQ(rows, values_);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(Hdf5Test, SealRefusesEveryFlippedBit) {
  EXPECT_EQ(verify_seal(path_, schema).bytes, std::filesystem::file_size(path_));
  const test::Bytes whole = test::read_bytes(path_);
  Random random(1);
  for (int i = 0; i < 400; ++i) {
    test::Bytes bytes = whole;
    const uint64_t at = i < 200 ? random.below(seal_bytes) : random.below(bytes.size());
    bytes[at] ^= static_cast<uint8_t>(1 << random.below(8));
    test::write_bytes(path_, bytes);
    EXPECT_EQ(thrown_by([&] { verify_seal(path_, schema); }).code, ExitCode::bad_data) << at;
  }
}

TEST_F(Hdf5Test, SealRefusesTruncatedExtendedForeignAndNewerFiles) {
  const test::Bytes whole = test::read_bytes(path_);
  for (const size_t size : {size_t{0}, size_t{100}, size_t{512}, whole.size() - 1}) {
    test::write_bytes(path_, {whole.begin(), whole.begin() + static_cast<long>(size)});
    EXPECT_EQ(thrown_by([&] { verify_seal(path_, schema); }).code, ExitCode::bad_data) << size;
  }
  test::Bytes longer = whole;
  longer.push_back(0);
  test::write_bytes(path_, longer);
  EXPECT_EQ(thrown_by([&] { verify_seal(path_, schema); }).code, ExitCode::bad_data);

  test::write_bytes(path_, whole);
  const auto foreign = thrown_by([&] { verify_seal(path_, Schema{"podium.cache", 2, ""}); });
  EXPECT_EQ(foreign.code, ExitCode::bad_data);
  EXPECT_TRUE(foreign.mentions("podium.test"));
  const auto newer = thrown_by([&] { verify_seal(path_, Schema{"podium.test", 1, ""}); });
  EXPECT_EQ(newer.code, ExitCode::bad_data);
  EXPECT_TRUE(newer.mentions("format version 2"));
}

}  // namespace
}  // namespace podium::io
