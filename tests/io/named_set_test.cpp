#include "io/sources/named_set.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include "io/http_server.hpp"
#include "io/source_records.hpp"
#include "io/tar_bytes.hpp"
#include "temporary_folder.hpp"

namespace podium::io {
namespace {

using test::Bytes;
using test::thrown_by;

const NamedSet& published(const std::string& name) {
  const auto& sets = named_sets();
  return *std::find_if(sets.begin(), sets.end(),
                       [&](const NamedSet& set) { return set.name == name; });
}

// The set of that name, of files that are not the published ones.
NamedSet unverified(const std::string& name) {
  NamedSet set = published(name);
  for (PublishedFile& file : set.files) file.sha256.clear();
  return set;
}

// `count` records with the labels 0, 1, ...; each byte of a record's pixels is its label plus 10.
Bytes cifar_records(size_t count, size_t coarse_labels) {
  Bytes bytes;
  for (size_t i = 0; i < count; ++i) {
    bytes.insert(bytes.end(), coarse_labels, 7);
    bytes.push_back(static_cast<uint8_t>(i));
    bytes.insert(bytes.end(), 3072, static_cast<uint8_t>(i + 10));
  }
  return bytes;
}

std::vector<test::TarEntry> cifar10_entries() {
  std::vector<test::TarEntry> entries{{"cifar-10-batches-bin/", {}, '5'}};
  for (int i = 1; i <= 5; ++i) {
    entries.push_back(
        {"cifar-10-batches-bin/data_batch_" + std::to_string(i) + ".bin", cifar_records(10, 0)});
  }
  entries.push_back({"cifar-10-batches-bin/readme.html", {'x'}});
  entries.push_back({"cifar-10-batches-bin/test_batch.bin", cifar_records(6, 0)});
  entries.push_back({"cifar-10-batches-bin/batches.meta.txt", {'a', '\n'}});
  return entries;
}

std::vector<test::TarEntry> cifar100_entries() {
  std::string names;
  for (int i = 0; i < 100; ++i) names += "class" + std::to_string(i) + "\n";
  return {{"cifar-100-binary/train.bin", cifar_records(100, 1)},
          {"cifar-100-binary/test.bin", cifar_records(20, 1)},
          {"cifar-100-binary/fine_label_names.txt", {names.begin(), names.end()}}};
}

class NamedSetTest : public ::testing::Test {
 protected:
  NamedSetTest() { std::filesystem::create_directories(remote_); }

  void write_archive(const std::string& name, const std::vector<test::TarEntry>& entries) {
    test::write_bytes(remote_ / name, test::gzip(test::tar_bytes(entries)));
  }

  static void write_entries(const std::filesystem::path& folder,
                            const std::vector<test::TarEntry>& entries) {
    for (const test::TarEntry& entry : entries) {
      if (entry.type != '0') continue;
      std::filesystem::create_directories((folder / entry.path).parent_path());
      test::write_bytes(folder / entry.path, entry.content);
    }
  }

  // Opens with nothing in the data folder but what a test has put there.
  std::unique_ptr<Source> open(const NamedSet& set, const std::string& mirror) {
    return open_named_set(set, {set.name, downloads_, {data_}, {mirror}, log_});
  }

  test::TemporaryFolder folder_;
  const std::filesystem::path remote_ = folder_.path() / "remote";
  const std::filesystem::path data_ = folder_.path() / "data";
  const std::filesystem::path downloads_ = folder_.path() / "downloads";
  const Log log_{LogLevel::error, "test"};
  const std::string nowhere_ = "http://127.0.0.1:1";
};

TEST_F(NamedSetTest, EverySetIsWhollyDescribed) {
  std::set<std::string> names;
  std::set<std::string> sums;
  for (const NamedSet& set : named_sets()) {
    EXPECT_TRUE(names.insert(set.name).second) << set.name;
    EXPECT_EQ(set.files.size(), set.form == SetForm::idx ? 4u : 1u) << set.name;
    EXPECT_EQ(set.class_names.size(), set.name == "cifar100" ? 0u : 10u) << set.name;
    EXPECT_FALSE(set.mirrors.empty() || set.folders.empty() || set.remedy.empty()) << set.name;
    for (const PublishedFile& file : set.files) {
      EXPECT_EQ(file.sha256.find_first_not_of("0123456789abcdef"), std::string::npos);
      EXPECT_EQ(file.sha256.size(), 64u) << set.name;
      EXPECT_TRUE(sums.insert(file.sha256).second) << set.name;
    }
  }
  EXPECT_EQ(named_set_names(), "fashion_mnist, mnist, kmnist, cifar10, cifar100");
}

TEST_F(NamedSetTest, IdxFilesComeFromALocalFolderAsMirror) {
  test::write_idx_folder(remote_, {}, true);
  for (const std::string& mirror : {remote_.string(), "file://" + remote_.string()}) {
    const auto source = open(unverified("kmnist"), mirror);
    EXPECT_EQ(source->info().name, "kmnist");
    EXPECT_EQ(source->info().location, "kmnist");
    EXPECT_EQ(source->info().train_records, 2500u);
    EXPECT_EQ(source->info().class_names[9], "wo");
    EXPECT_EQ(open(unverified("kmnist"), nowhere_)->digest(), source->digest());
    std::filesystem::remove_all(downloads_);
  }
}

TEST_F(NamedSetTest, AnArchiveIsFetchedOnceAndUnpacked) {
  write_archive("cifar-10-binary.tar.gz", cifar10_entries());
  const test::HttpServer server(remote_, {.body_limit = 400});  // breaks, and goes on
  const auto source = open(unverified("cifar10"), server.url());
  EXPECT_GT(server.ranges(), 0);
  EXPECT_EQ(source->info().shape, (ImageShape{32, 32, 3}));
  EXPECT_EQ(source->info().train_records, 50u);
  EXPECT_EQ(source->info().test_records, 6u);
  EXPECT_EQ(source->info().class_names[9], "truck");
  const test::Records records = test::read_part(*source, Part::train, 50);
  EXPECT_EQ(records.labels[13], 3);
  EXPECT_EQ(records.images[13 * 3072], 13);
  EXPECT_FALSE(std::filesystem::exists(downloads_ / "cifar10" / "cifar-10-binary.tar.gz"));
  EXPECT_EQ(open(unverified("cifar10"), nowhere_)->digest(), source->digest());
}

TEST_F(NamedSetTest, TheNamesOfCifar100ComeFromItsArchive) {
  write_archive("cifar-100-binary.tar.gz", cifar100_entries());
  const auto source = open(unverified("cifar100"), remote_.string());
  EXPECT_EQ(source->info().train_records, 100u);
  ASSERT_EQ(source->info().class_names.size(), 100u);
  EXPECT_EQ(source->info().class_names[42], "class42");
}

TEST_F(NamedSetTest, DataFoldersHoldASetUnpackedOrPacked) {
  write_entries(data_, cifar10_entries());
  write_entries(data_, cifar100_entries());
  EXPECT_EQ(open(published("cifar10"), nowhere_)->info().train_records, 50u);
  EXPECT_EQ(open(published("cifar100"), nowhere_)->info().train_records, 100u);
  std::filesystem::rename(data_ / "cifar-100-binary", folder_.path() / "moved");
  EXPECT_EQ(thrown_by([&] { open(published("cifar100"), nowhere_); }).code, ExitCode::unavailable);
  std::filesystem::remove_all(data_);
  std::filesystem::rename(folder_.path() / "moved", data_);
  EXPECT_EQ(open(published("cifar100"), nowhere_)->info().train_records, 100u);
  std::filesystem::remove_all(data_);
  write_archive("cifar-100-binary.tar.gz", cifar100_entries());
  std::filesystem::rename(remote_, data_);
  EXPECT_EQ(open(unverified("cifar100"), nowhere_)->info().train_records, 100u);
}

TEST_F(NamedSetTest, OtherContentIsRefusedByItsChecksum) {
  write_archive("cifar-10-binary.tar.gz", cifar10_entries());
  const auto thrown = thrown_by([&] { open(published("cifar10"), remote_.string()); });
  EXPECT_EQ(thrown.code, ExitCode::bad_data);
  EXPECT_TRUE(thrown.mentions("cifar-10-binary.tar.gz"));
  EXPECT_TRUE(thrown.mentions("c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"));
  EXPECT_TRUE(thrown.mentions("--io.source=FOLDER"));
}

TEST_F(NamedSetTest, ADamagedArchiveIsFetchedAnewTheNextTime) {
  const std::string name = "cifar-10-binary.tar.gz";
  write_archive(name, cifar10_entries());
  const Bytes whole = test::read_bytes(remote_ / name);
  test::write_bytes(remote_ / name, {whole.begin(), whole.begin() + 500});
  const auto thrown = thrown_by([&] { open(unverified("cifar10"), remote_.string()); });
  EXPECT_EQ(thrown.code, ExitCode::bad_data);
  EXPECT_TRUE(thrown.mentions("cannot unpack the archive")) << thrown.message;
  test::write_bytes(remote_ / name, whole);
  EXPECT_EQ(open(unverified("cifar10"), remote_.string())->info().train_records, 50u);
}

TEST_F(NamedSetTest, SaysHowToGetItWhenNoMirrorAnswers) {
  const auto thrown = thrown_by([&] { open(published("cifar10"), nowhere_); });
  EXPECT_EQ(thrown.code, ExitCode::unavailable);
  EXPECT_TRUE(thrown.mentions(nowhere_ + "/cifar-10-binary.tar.gz"));
  EXPECT_TRUE(thrown.mentions("give the folder that holds the archive"));
}

TEST_F(NamedSetTest, OneOfManyDownloads) {
  write_archive("cifar-10-binary.tar.gz", cifar10_entries());
  const test::HttpServer server(remote_);
  std::atomic<int> opened{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      const NamedSet set = unverified("cifar10");
      thrown_by([&] {
        if (open(set, server.url())->info().train_records == 50) ++opened;
      });
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(opened, 4);
  EXPECT_EQ(server.requests(), 1);
}

}  // namespace
}  // namespace podium::io
