#include "io/sources/source.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "io/http_server.hpp"
#include "io/source_records.hpp"
#include "io/sources/named_set.hpp"
#include "io/sources/synthetic.hpp"
#include "io/user_hdf5.hpp"
#include "temporary_folder.hpp"

namespace podium::io {
namespace {

using test::Bytes;
using test::thrown_by;
using test::TinySet;

class SourceTest : public ::testing::Test {
 protected:
  std::unique_ptr<Source> open(const std::string& text) {
    return open_source({text, folder_.path() / "downloads", {folder_.path() / "none"}, {}, log_});
  }

  test::TemporaryFolder folder_;
  const std::filesystem::path data_ = folder_.path() / "My Data";
  const Log log_{LogLevel::error, "test"};
};

TEST_F(SourceTest, OpensAFolderPlainGzipAndAsFileUrl) {
  const TinySet set;
  test::write_idx_folder(data_, set, true);
  test::write_idx_folder(folder_.path() / "plain", set, false);
  for (const std::string& text :
       {data_.string(), "file://" + data_.string(), (folder_.path() / "plain").string()}) {
    const auto source = open(text);
    EXPECT_EQ(source->info().train_records, set.train);
    EXPECT_EQ(source->info().test_records, set.test);
    EXPECT_EQ(source->info().shape, (ImageShape{5, 4, 1}));
    EXPECT_EQ(source->info().class_names.size(), set.classes);
    const test::Records records = test::read_records(*source, Part::test, 100, 50);
    EXPECT_EQ(records.images[0], test::test_pixel(1, 100, 0));
    EXPECT_EQ(records.labels[49], (149 * 3 + 1) % set.classes);
  }
  EXPECT_EQ(open(data_.string())->info().name, "my_data");
}

TEST_F(SourceTest, DigestFollowsContent) {
  test::write_idx_folder(data_, {}, false);
  const uint64_t before = open(data_.string())->digest();
  EXPECT_EQ(open(data_.string())->digest(), before);
  test::flip_bit(data_ / "train-images-idx3-ubyte", 5000, 3);
  EXPECT_NE(open(data_.string())->digest(), before);
}

TEST_F(SourceTest, MissingFileIsNamed) {
  test::write_idx_folder(data_, {}, false);
  std::filesystem::remove(data_ / "t10k-labels-idx1-ubyte");
  const auto thrown = thrown_by([&] { open(data_.string()); });
  EXPECT_EQ(thrown.code, ExitCode::bad_data);
  EXPECT_TRUE(thrown.mentions("t10k-labels-idx1-ubyte"));
}

TEST_F(SourceTest, CountMismatchIsRefused) {
  test::write_idx_folder(data_, {}, false);
  test::write_bytes(data_ / "train-labels-idx1-ubyte",
                    test::idx_bytes({2499}, test::test_labels(2499, 10)));
  const auto thrown = thrown_by([&] { open(data_.string()); });
  EXPECT_EQ(thrown.code, ExitCode::bad_data);
  EXPECT_TRUE(thrown.mentions("2500 images but 2499 labels"));
}

TEST_F(SourceTest, ImagesAndLabelsSwappedAreRefused) {
  test::write_idx_folder(data_, {}, false);
  std::filesystem::copy_file(data_ / "train-images-idx3-ubyte", data_ / "train-labels-idx1-ubyte",
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_EQ(thrown_by([&] { open(data_.string()); }).code, ExitCode::bad_data);
}

TEST_F(SourceTest, LabelOutOfRangeIsRefusedWithItsOffset) {
  test::write_idx_folder(data_, {}, false);
  Bytes labels = test::test_labels(300, 10);
  labels[123] = 10;  // train labels say 0 to 9
  test::write_bytes(data_ / "t10k-labels-idx1-ubyte", test::idx_bytes({300}, labels));
  const auto source = open(data_.string());
  const auto thrown = thrown_by([&] { test::read_records(*source, Part::test, 100, 100); });
  EXPECT_EQ(thrown.code, ExitCode::bad_data);
  EXPECT_TRUE(thrown.mentions("t10k-labels-idx1-ubyte at byte 131"));
}

TEST_F(SourceTest, UnknownNamesAndPathsSayWhatIsPossible) {
  const auto name = thrown_by([&] { open("fashion-mnist"); });
  EXPECT_EQ(name.code, ExitCode::usage);
  EXPECT_TRUE(name.mentions("--io.source"));
  EXPECT_TRUE(name.mentions("fashion_mnist"));
  const auto path = thrown_by([&] { open("/nowhere/data"); });
  EXPECT_EQ(path.code, ExitCode::bad_data);
  EXPECT_TRUE(path.mentions("/nowhere/data"));
}

TEST_F(SourceTest, UnknownUrlIsFetchedOnceOverHttp) {
  test::write_idx_folder(data_, {}, false);
  const test::HttpServer server(data_);
  EXPECT_EQ(open(server.url())->info().train_records, 2500u);
  const int requests = server.requests();
  EXPECT_EQ(requests, 8);  // each name with .gz first
  EXPECT_EQ(open(server.url())->info().train_records, 2500u);
  EXPECT_EQ(server.requests(), requests);
}

TEST_F(SourceTest, Hdf5FileIsFetchedOnceOverHttp) {
  std::filesystem::create_directories(data_);
  {
    test::UserHdf5 file(data_ / "set.h5");
    file.dataset("images", H5T_STD_U8LE, H5T_NATIVE_UINT8, {20, 5, 4},
                 test::test_images(0, 20, 20).data());
    file.dataset("labels", H5T_STD_U8LE, H5T_NATIVE_UINT8, {20}, test::test_labels(20, 10).data());
  }
  const test::HttpServer server(data_);
  EXPECT_EQ(open(server.url() + "/set.h5")->info().train_records, 18u);
  const int requests = server.requests();
  EXPECT_EQ(open(server.url() + "/set.h5")->info().location, server.url() + "/set.h5");
  EXPECT_EQ(server.requests(), requests);
  EXPECT_EQ(open("file://" + (data_ / "set.h5").string())->info().train_records, 18u);
}

TEST_F(SourceTest, TransformsAreAppliedToEveryKind) {
  test::write_idx_folder(data_, {}, false);
  for (const std::string& text :
       {data_.string(), "file://" + data_.string(), std::string("synthetic:100,5,4,1,10")}) {
    SourceOptions options{text, folder_.path() / "downloads", {}, {}, log_, {}};
    options.transform = Transform::parse("pad 2");
    const auto source = open_source(options);
    EXPECT_EQ(source->info().shape, (ImageShape{9, 8, 1}));
    const Bytes plain = test::read_records(*open(text), Part::train, 3, 1).images;
    const Bytes padded = test::read_records(*source, Part::train, 3, 1).images;
    EXPECT_EQ(padded[0], 0);
    EXPECT_EQ(padded[2 * 8 + 2], plain[0]);
    EXPECT_EQ(source->digest(), open(text)->digest());
  }
}

TEST_F(SourceTest, PathsOfNoDataAreRefusedByName) {
  std::filesystem::create_directories(data_);
  test::write_bytes(data_ / "table.csv", {'1', ',', '2'});
  const auto file = thrown_by([&] { open((data_ / "table.csv").string()); });
  EXPECT_EQ(file.code, ExitCode::bad_data);
  EXPECT_TRUE(file.mentions("table.csv")) << file.message;
  std::filesystem::create_symlink("loop", data_ / "loop");
  const auto loop = thrown_by([&] { open((data_ / "loop").string()); });
  EXPECT_EQ(loop.code, ExitCode::io);
  EXPECT_TRUE(loop.mentions("My Data/loop")) << loop.message;
  ASSERT_EQ(mkfifo((data_ / "pipe.h5").c_str(), 0600), 0);
  EXPECT_EQ(thrown_by([&] { open((data_ / "pipe.h5").string()); }).code, ExitCode::bad_data);
}

TEST_F(SourceTest, NamedSetSaysHowToGetItWhenNoMirrorAnswers) {
  const SourceOptions options{"fashion_mnist",
                              folder_.path() / "downloads",
                              {folder_.path() / "none"},
                              {"http://127.0.0.1:1"},
                              log_};
  const auto thrown = thrown_by([&] { open_source(options); });
  EXPECT_EQ(thrown.code, ExitCode::unavailable);
  EXPECT_TRUE(thrown.mentions("apt-get install dataset-fashion-mnist"));
}

TEST_F(SourceTest, NamedSetRefusesAMirrorWithOtherContent) {
  test::write_idx_folder(data_, {}, true);
  const test::HttpServer server(data_);
  const SourceOptions options{"fashion_mnist",
                              folder_.path() / "downloads",
                              {folder_.path() / "none"},
                              {server.url()},
                              log_};
  const auto thrown = thrown_by([&] { open_source(options); });
  EXPECT_EQ(thrown.code, ExitCode::bad_data);
  EXPECT_TRUE(thrown.mentions("train-images-idx3-ubyte.gz"));
  EXPECT_TRUE(thrown.mentions("3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"));
}

TEST_F(SourceTest, NamedSetIsDownloadedFromAMirrorThatHasIt) {
  test::write_idx_folder(data_, {}, true);
  const test::HttpServer server(data_);
  NamedSet set = named_sets().front();
  for (PublishedFile& file : set.files) file.sha256.clear();  // this mirror's files are not the published ones
  const SourceOptions options{"fashion_mnist",
                              folder_.path() / "downloads",
                              {folder_.path() / "none"},
                              {server.url()},
                              log_};
  EXPECT_EQ(open_named_set(set, options)->info().train_records, 2500u);
  EXPECT_EQ(open_named_set(set, options)->info().class_names[9], "Ankle boot");
  EXPECT_EQ(server.requests(), 4);
}

TEST_F(SourceTest, SyntheticIsTheSameFromAnyStartAndDiffersBySeed) {
  const auto source = open("synthetic:1000,9,7,3,4");
  EXPECT_EQ(source->info().test_records, 100u);
  const test::Records all = test::read_records(*source, Part::train, 0, 1000);
  const test::Records tail = test::read_records(*source, Part::train, 900, 100);
  EXPECT_TRUE(std::equal(tail.images.begin(), tail.images.end(), all.images.end() - 100 * 189));
  EXPECT_NE(test::read_records(*open("synthetic:1000,9,7,3,4,5"), Part::train, 0, 1000).images,
            all.images);
  EXPECT_NE(test::read_records(*source, Part::test, 0, 100).images,
            Bytes(all.images.begin(), all.images.begin() + 100 * 189));
}

// Nearest class mean, learned from the train part, classifies the test part.
TEST_F(SourceTest, SyntheticIsLearnable) {
  const auto source = open("synthetic:2000,12,12,1,10");
  const test::Records train = test::read_records(*source, Part::train, 0, 2000);
  const test::Records test = test::read_records(*source, Part::test, 0, 200);
  std::vector<std::array<double, 144>> means(10);
  for (size_t i = 0; i < 2000; ++i) {
    for (size_t p = 0; p < 144; ++p) means[train.labels[i]][p] += train.images[i * 144 + p] / 200.0;
  }
  int right = 0;
  for (size_t i = 0; i < 200; ++i) {
    std::array<double, 10> distance{};
    for (size_t k = 0; k < 10; ++k) {
      for (size_t p = 0; p < 144; ++p) {
        const double difference = means[k][p] - test.images[i * 144 + p];
        distance[k] += difference * difference;
      }
    }
    const auto nearest = std::min_element(distance.begin(), distance.end()) - distance.begin();
    right += nearest == test.labels[i];
  }
  EXPECT_GT(right, 180);
}

TEST_F(SourceTest, BadSyntheticTextsAreUsageErrors) {
  for (const char* text :
       {"synthetic:", "synthetic:10", "synthetic:10,4,4,1", "synthetic:10,4,4,1,x",
        "synthetic:10,4,4,1,2,", "synthetic:10,0,4,1,2", "synthetic:10,99999,99999,9,2",
        "synthetic:10,4,4,1,300", "synthetic:1,4,4,1,2", "synthetic:5000000000,4,4,1,2",
        "synthetic:-5,4,4,1,2", "synthetic:10,4,4,1,2,3,4", "synthetic:10,16384,16384,16384,2"}) {
    const auto thrown = thrown_by([&] { open(text); });
    EXPECT_EQ(thrown.code, ExitCode::usage) << text;
    EXPECT_TRUE(thrown.mentions("--io.source")) << text;
  }
}

}  // namespace
}  // namespace podium::io
