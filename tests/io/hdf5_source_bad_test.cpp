// Bad HDF5 sources: each is refused with the dataset, never with a crash.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/random.hpp"
#include "io/hdf5_source_fixture.hpp"

namespace podium::io {
namespace {

using Hdf5SourceBadTest = Hdf5SourceFixture;

TEST_F(Hdf5SourceBadTest, PixelsOutOfRangeAreRefusedWithTheirRecord) {
  for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity(),
                           -std::numeric_limits<double>::infinity(), 1.01, -0.01, 255.0}) {
    {
      UserHdf5 file(path_);
      std::vector<double> pixels(20 * 12, 0.5);
      pixels[13 * 12 + 5] = bad;
      file.dataset("images", H5T_IEEE_F32LE, H5T_NATIVE_DOUBLE, {20, 4, 3}, pixels.data());
      file.dataset("labels", H5T_STD_U8LE, H5T_NATIVE_UINT8, {20},
                   test::test_labels(20, 10).data());
    }
    expect_refused({"dataset images record 13", "within [0,1]"});
  }
}

TEST_F(Hdf5SourceBadTest, UnusableClassNamesAreRefused) {
  for (const char* names : {"cat", "[1,2]", "{}", "[]", R"(["a"])"}) {
    {
      UserHdf5 file(path_);
      write_pair(file, "", 0, 53);
      file.attribute("class_names", names, true);
    }
    expect_refused({"class_names"});
  }
  {
    UserHdf5 file(path_);
    write_pair(file, "", 0, 53);
    file.attribute("class_names", R"(["a","b","c"])", false);
  }
  expect_refused({"label 4 is out of range: there are 3 classes", "dataset labels record 1"});
}

TEST_F(Hdf5SourceBadTest, LabelsOutOfRangeAreRefusedWithTheirRecord) {
  for (const int64_t bad : {int64_t{-1}, int64_t{256}, std::numeric_limits<int64_t>::max()}) {
    {
      UserHdf5 file(path_);
      write_pair(file, "test_", 1, 21);
      file.dataset("images", H5T_STD_U8LE, H5T_NATIVE_UINT8, {20, 5, 4, 3},
                   test::test_images(0, 20, image_bytes).data());
      std::vector<int64_t> labels(20, 1);
      labels[17] = bad;
      file.dataset("labels", H5T_STD_I64LE, H5T_NATIVE_INT64, {20}, labels.data());
    }
    expect_refused({"dataset labels record 17", "out of range"});
  }
  {
    UserHdf5 file(path_);  // test labels must be classes of the train part
    write_pair(file, "", 0, 53);
    file.dataset("test_images", H5T_STD_U8LE, H5T_NATIVE_UINT8, {3, 5, 4, 3},
                 test::test_images(0, 3, image_bytes).data());
    const Bytes labels{1, 10, 2};
    file.dataset("test_labels", H5T_STD_U8LE, H5T_NATIVE_UINT8, {3}, labels.data());
  }
  expect_refused({"dataset test_labels record 1"});
}

TEST_F(Hdf5SourceBadTest, WrongSchemasAreRefusedByDataset) {
  const Bytes zeros(100000);
  const auto write = [&](hid_t image_type, const std::vector<hsize_t>& images, hid_t label_type,
                         const std::vector<hsize_t>& labels) {
    UserHdf5 file(path_);
    file.dataset("images", image_type, H5T_NATIVE_INT8, images, zeros.data());
    file.dataset("labels", label_type, H5T_NATIVE_INT8, labels, zeros.data());
  };
  write(H5T_STD_U8LE, {20, 12}, H5T_STD_U8LE, {20});
  expect_refused({"dataset images", "[N,H,W]", "[20,12]"});
  write(H5T_STD_U8LE, {20, 2, 2, 2, 2}, H5T_STD_U8LE, {20});
  expect_refused({"dataset images", "dimensions"});
  write(H5T_STD_U16LE, {20, 4, 3}, H5T_STD_U8LE, {20});
  expect_refused({"dataset images", "uint8 or floats"});
  write(H5T_STD_I8LE, {20, 4, 3}, H5T_STD_U8LE, {20});
  expect_refused({"dataset images", "uint8 or floats"});
  write(H5T_STD_U8LE, {20, 4, 3}, H5T_IEEE_F32LE, {20});
  expect_refused({"dataset labels", "integers [N]"});
  write(H5T_STD_U8LE, {20, 4, 3}, H5T_STD_U8LE, {20, 1});
  expect_refused({"dataset labels", "[20,1]"});
  write(H5T_STD_U8LE, {20, 4, 3}, H5T_STD_U8LE, {19});
  expect_refused({"dataset labels", "20 images but 19 labels"});
  write(H5T_STD_U8LE, {20, 4, 3}, H5T_STD_U8LE, {20});
  expect_refused({"dataset labels", "2 to 256 classes"});
}

TEST_F(Hdf5SourceBadTest, MissingDatasetsAreNamed) {
  { UserHdf5 file(path_); }
  expect_refused({"set.h5", "images", "train"});
  const Bytes zeros(1000);
  const auto write_images = [&](UserHdf5& file, const std::string& name) {
    file.dataset(name, H5T_STD_U8LE, H5T_NATIVE_UINT8, {20, 4, 3}, zeros.data());
  };
  {
    UserHdf5 file(path_);
    write_images(file, "images");
  }
  expect_refused({"dataset labels"});
  {
    UserHdf5 file(path_);
    write_pair(file, "", 0, 53);
    write_images(file, "test_images");
  }
  expect_refused({"dataset test_labels"});
  {
    UserHdf5 file(path_);
    file.group("images");
    write_images(file, "labels");
  }
  expect_refused({"dataset images"});
}

TEST_F(Hdf5SourceBadTest, DataThatLieElsewhereAreRefused) {
  write_default();
  const auto links = folder_.path() / "links.h5";
  {
    UserHdf5 file(links);
    H5Lcreate_external(path_.c_str(), "/images", file.id(), "images", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_external(path_.c_str(), "/labels", file.id(), "labels", H5P_DEFAULT, H5P_DEFAULT);
  }
  const auto external = thrown_by([&] { open(links); });
  EXPECT_EQ(external.code, ExitCode::bad_data);
  EXPECT_TRUE(external.mentions("something else")) << external.message;
  {
    UserHdf5 file(links);
    H5Lcreate_soft("/images", file.id(), "images", H5P_DEFAULT, H5P_DEFAULT);  // of itself
    H5Lcreate_soft("/nowhere", file.id(), "labels", H5P_DEFAULT, H5P_DEFAULT);
  }
  EXPECT_EQ(thrown_by([&] { open(links); }).code, ExitCode::bad_data);
}

TEST_F(Hdf5SourceBadTest, ShapesBeyondWhatIsStoredAreRefused) {
  const Bytes zeros(100);
  const auto write = [&](const std::vector<hsize_t>& shape, const std::vector<hsize_t>& chunk) {
    UserHdf5 file(path_);
    file.dataset("images", H5T_STD_U8LE, H5T_NATIVE_UINT8, shape, nullptr, {chunk});
    file.dataset("labels", H5T_STD_U8LE, H5T_NATIVE_UINT8, {shape[0]}, nullptr,
                 {chunk.empty() ? chunk : std::vector<hsize_t>{1000}});
  };
  write({4000000000, 28, 28}, {});
  expect_refused({"dataset images", "stores less"});
  write({4000000000, 28, 28}, {1000, 28, 28});
  expect_refused({"dataset images", "stores less"});
  write({4294967296, 2, 2}, {1000, 2, 2});
  expect_refused({"dataset images"});
}

TEST_F(Hdf5SourceBadTest, HugeImagesAndChunksAreRefusedBeforeAnyAllocation) {
  const auto write = [&](const std::vector<hsize_t>& shape, const std::vector<hsize_t>& chunk) {
    UserHdf5 file(path_);
    const hid_t space = H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr);
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(creation, static_cast<int>(chunk.size()), chunk.data());
    H5Pset_deflate(creation, 9);
    const hid_t id =
        H5Dcreate2(file.id(), "images", H5T_STD_U8LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    const Bytes stored(200000);
    const std::vector<hsize_t> origin(shape.size());
    // A chunk as the file would hold it, compressed to almost nothing.
    EXPECT_GE(H5Dwrite_chunk(id, H5P_DEFAULT, 0, origin.data(), stored.size(), stored.data()), 0);
    H5Dclose(id);
    H5Pclose(creation);
    H5Sclose(space);
    file.dataset("labels", H5T_STD_U8LE, H5T_NATIVE_UINT8, {shape[0]}, Bytes(shape[0], 1).data());
  };
  write({10, 8192, 8192}, {1, 256, 256});
  expect_refused({"dataset images", "16 MiB"});
  write({100, 4096, 4096}, {20, 4096, 4096});
  expect_refused({"dataset images", "256 MiB"});
  write({100, 4096, 4096}, {100, 1, 4096});
  expect_refused({"dataset images", "256 MiB"});
}

TEST_F(Hdf5SourceBadTest, UnknownFiltersAreRefused) {
  {
    UserHdf5 file(path_);
    const hsize_t shape[] = {20, 4, 3};
    const hid_t space = H5Screate_simple(3, shape, nullptr);
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(creation, 3, shape);
    H5Pset_filter(creation, 32000, H5Z_FLAG_OPTIONAL, 0, nullptr);  // h5py's LZF
    H5Dclose(
        H5Dcreate2(file.id(), "images", H5T_STD_U8LE, space, H5P_DEFAULT, creation, H5P_DEFAULT));
    H5Pclose(creation);
    H5Sclose(space);
    file.dataset("labels", H5T_STD_U8LE, H5T_NATIVE_UINT8, {20}, Bytes(20).data());
  }
  expect_refused({"dataset images", "filter 32000", "gzip"});
}

TEST_F(Hdf5SourceBadTest, OtherFilesAreRefused) {
  for (const size_t bytes : {0, 5, 3000}) {
    test::write_bytes(path_, Bytes(bytes, 'x'));
    expect_refused({"set.h5", "not an HDF5 file"});
  }
}

TEST_F(Hdf5SourceBadTest, EveryTruncationIsRefused) {
  write_default();
  const Bytes whole = test::read_bytes(path_);
  for (size_t size = 0; size < whole.size(); size += 97) {
    test::write_bytes(path_, {whole.begin(), whole.begin() + static_cast<long>(size)});
    EXPECT_EQ(read_all().code, ExitCode::bad_data) << size;
  }
}

// A file without checksums can give other pixels; it must never end the process or hang.
TEST_F(Hdf5SourceBadTest, FlippedBytesNeverCrash) {
  for (const bool newest : {false, true}) {
    {
      UserHdf5 file(path_, newest);
      write_pair(file, "", 0, 53, {{10, 5, 4, 3}, 6, true, true}, {{9}});
      write_pair(file, "test_", 1, 21);
      file.attribute("class_names", R"(["a","b","c","d","e","f","g","h","i","j"])", true);
    }
    const Bytes whole = test::read_bytes(path_);
    Random random(newest ? 1 : 2);
    for (int i = 0; i < 500; ++i) {
      Bytes bytes = whole;
      const uint64_t flips = 1 + random.below(3);
      for (uint64_t flip = 0; flip < flips; ++flip) {
        bytes[random.below(bytes.size())] ^= static_cast<uint8_t>(1 + random.below(255));
      }
      test::write_bytes(path_, bytes);
      const ExitCode code = read_all().code;
      EXPECT_TRUE(code == ExitCode::done || code == ExitCode::bad_data || code == ExitCode::io);
    }
  }
}

}  // namespace
}  // namespace podium::io
