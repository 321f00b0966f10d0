#include "io/sources/fetch.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <memory>
#include <thread>

#include "io/http_server.hpp"
#include "io/limited_child.hpp"
#include "temporary_folder.hpp"

namespace podium::io {
namespace {

using test::Bytes;
using test::Thrown;
using test::thrown_by;

// sha256 of "podium\n", by coreutils.
constexpr const char* podium_sha256 =
    "91485a5fb1664baa7d64d1f27bebf3ef64e5abfdf6710db572946d787008c5c9";

size_t entries(const std::filesystem::path& folder) {
  return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

class FetchTest : public ::testing::Test {
 protected:
  FetchTest() {
    std::filesystem::create_directories(remote_);
    std::filesystem::create_directories(local_);
    test::write_bytes(remote_ / "file", content_);
  }

  test::TemporaryFolder folder_;
  const std::filesystem::path remote_ = folder_.path() / "remote";
  const std::filesystem::path local_ = folder_.path() / "local";
  const std::filesystem::path target_ = local_ / "file";
  const Bytes content_{'p', 'o', 'd', 'i', 'u', 'm', '\n'};
};

TEST_F(FetchTest, FetchesOverHttpAndVerifies) {
  const test::HttpServer server(remote_);
  fetch({{server.url() + "/file"}, target_, podium_sha256}, "");
  EXPECT_EQ(test::read_bytes(target_), content_);
  EXPECT_EQ(entries(local_), 1u);
}

TEST_F(FetchTest, FetchesFromAFileUrl) {
  fetch({{"file://" + (remote_ / "file").string()}, target_, podium_sha256}, "");
  EXPECT_EQ(test::read_bytes(target_), content_);
}

TEST_F(FetchTest, TriesMirrorsInTurn) {
  const test::HttpServer server(remote_);
  test::write_bytes(remote_ / "wrong", {'x'});
  fetch({{"http://127.0.0.1:1/file", server.url() + "/absent", server.url() + "/wrong",
          server.url() + "/file"},
         target_,
         podium_sha256},
        "");
  EXPECT_EQ(test::read_bytes(target_), content_);
  EXPECT_EQ(server.requests(), 3);
  EXPECT_EQ(entries(local_), 1u);
}

TEST_F(FetchTest, WrongChecksumNamesFileExpectedAndFound) {
  const std::string expected(64, '0');
  const auto thrown = thrown_by([&] {
    fetch({{"file://" + (remote_ / "file").string()}, target_, expected}, "get it elsewhere");
  });
  EXPECT_EQ(thrown.code, ExitCode::bad_data);
  for (const std::string& text : {std::string("file"), expected, std::string(podium_sha256),
                                  std::string("get it elsewhere")}) {
    EXPECT_TRUE(thrown.mentions(text)) << text;
  }
  EXPECT_EQ(entries(local_), 0u);
}

TEST_F(FetchTest, UnreachableSaysWhyForEachUrlAndWhatToDo) {
  const test::HttpServer server(remote_);
  const auto thrown = thrown_by([&] {
    fetch({{"http://127.0.0.1:1/file", server.url() + "/absent"}, target_, podium_sha256},
          "run apt-get install it");
  });
  EXPECT_EQ(thrown.code, ExitCode::unavailable);
  EXPECT_TRUE(thrown.mentions("http://127.0.0.1:1/file"));
  EXPECT_TRUE(thrown.mentions("404"));
  EXPECT_TRUE(thrown.mentions("run apt-get install it"));
  EXPECT_EQ(entries(local_), 0u);
}

TEST_F(FetchTest, TakesAnExistingTargetAsItIs) {
  const test::HttpServer server(remote_);
  test::write_bytes(target_, {'x'});
  fetch({{server.url() + "/file"}, target_, podium_sha256}, "");
  EXPECT_EQ(test::read_bytes(target_), Bytes{'x'});
  EXPECT_EQ(server.requests(), 0);
  EXPECT_EQ(entries(local_), 1u);
}

TEST_F(FetchTest, FetchesFromALocalPathWithOddCharacters) {
  const std::filesystem::path odd = folder_.path() / "a #50% ?b";
  std::filesystem::create_directories(odd);
  test::write_bytes(odd / "file", content_);
  fetch({{(odd / "file").string()}, target_, podium_sha256}, "");
  EXPECT_EQ(test::read_bytes(target_), content_);
}

TEST_F(FetchTest, FetchesAnEmptyFile) {
  test::write_bytes(remote_ / "empty", {});
  const test::HttpServer server(remote_);
  for (const std::string& place : {server.url(), "file://" + remote_.string()}) {
    fetch({{place + "/empty"}, target_, ""}, "");
    EXPECT_TRUE(std::filesystem::exists(target_)) << place;
    std::filesystem::remove(target_);
  }
}

// A file so large that connections break within it: pieces of 40000 bytes.
class ResumeTest : public FetchTest {
 protected:
  ResumeTest() {
    for (size_t i = 0; i < 300000; ++i) large_.push_back(static_cast<uint8_t>(i * i >> 7));
    test::write_bytes(remote_ / "large", large_);
    const std::string command = "sha256sum " + (remote_ / "large").string();
    const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
    sha256_.resize(64);
    if (fread(sha256_.data(), 1, 64, pipe.get()) != 64) throw std::runtime_error("no sha256sum");
  }

  Thrown fetch_large(const std::string& place, const std::string& sha256) {
    return thrown_by([&] { fetch({{place + "/large"}, target_, sha256}, "try later"); });
  }

  const std::filesystem::path part_ = local_ / ".file.part";
  const test::HttpServerOptions broken_{.body_limit = 40000};
  Bytes large_;
  std::string sha256_;
};

TEST_F(ResumeTest, GoesOnAfterABrokenConnection) {
  test::HttpServer server(remote_, {.body_limit = 80000});
  EXPECT_EQ(fetch_large(server.url(), sha256_).message, "");
  EXPECT_EQ(test::read_bytes(target_), large_);
  EXPECT_EQ(server.requests(), 4);
  EXPECT_EQ(server.ranges(), 3);
  EXPECT_EQ(entries(local_), 1u);
}

TEST_F(ResumeTest, KeepsWhatItHasForTheNextFetch) {
  for (const std::string& sha256 : {sha256_, std::string()}) {
    test::HttpServer server(remote_, broken_);
    const auto thrown = fetch_large(server.url(), sha256);
    EXPECT_EQ(thrown.code, ExitCode::unavailable);
    EXPECT_TRUE(thrown.mentions("160000 bytes of it are kept")) << thrown.message;
    EXPECT_EQ(std::filesystem::file_size(part_), 160000u);
    EXPECT_FALSE(std::filesystem::exists(target_));
    server.set_options({});
    EXPECT_EQ(fetch_large(server.url(), sha256).message, "");
    EXPECT_EQ(test::read_bytes(target_), large_);
    EXPECT_EQ(server.requests(), 5);
    EXPECT_EQ(entries(local_), 1u);
    std::filesystem::remove(target_);
  }
}

TEST_F(ResumeTest, StartsOverWhenTheServerHasNoRanges) {
  test::HttpServer server(remote_, broken_);
  fetch_large(server.url(), sha256_);
  server.set_options({.ranges = false});
  EXPECT_EQ(fetch_large(server.url(), sha256_).message, "");
  EXPECT_EQ(test::read_bytes(target_), large_);
}

// Nothing but the validator tells here that the file is another one.
TEST_F(ResumeTest, StartsOverWhenTheFileHasChanged) {
  test::HttpServer server(remote_, broken_);
  fetch_large(server.url(), "");
  std::reverse(large_.begin(), large_.end());
  test::write_bytes(remote_ / "large", large_);
  const int ranges = server.ranges();
  server.set_options({.etag = "\"two\""});
  EXPECT_EQ(fetch_large(server.url(), "").message, "");
  EXPECT_EQ(test::read_bytes(target_), large_);
  EXPECT_EQ(server.ranges(), ranges);
}

TEST_F(ResumeTest, KeepsNothingThatNothingCanVouchFor) {
  for (const char* etag : {"", "W/\"weak\""}) {
    test::HttpServer server(remote_, {.etag = etag, .body_limit = 40000});
    EXPECT_EQ(fetch_large(server.url(), "").code, ExitCode::unavailable);
    EXPECT_EQ(server.ranges(), 0);
    EXPECT_EQ(entries(local_), 0u);
  }
}

TEST_F(ResumeTest, AnotherMirrorGoesOnIfAChecksumIsKnown) {
  const test::HttpServer broken(remote_, broken_);
  const test::HttpServer whole(remote_, {.etag = "\"other\""});
  const auto both = [&](const std::string& sha256) {
    fetch({{broken.url() + "/large", whole.url() + "/absent", whole.url() + "/large"},
           target_,
           sha256},
          "");
    EXPECT_EQ(test::read_bytes(target_), large_);
    EXPECT_EQ(entries(local_), 1u);
    std::filesystem::remove(target_);
  };
  both(sha256_);
  EXPECT_EQ(whole.ranges(), 1);
  both("");
  EXPECT_EQ(whole.ranges(), 1);
}

TEST_F(ResumeTest, AWrongPartIsDroppedAndTheFileFetchedAnew) {
  test::write_bytes(part_, Bytes(1000, 'x'));
  const test::HttpServer server(remote_);
  EXPECT_EQ(fetch_large(server.url(), sha256_).message, "");
  EXPECT_EQ(test::read_bytes(target_), large_);
  EXPECT_EQ(server.requests(), 2);
  EXPECT_EQ(server.ranges(), 1);
}

TEST_F(ResumeTest, AWrongFileIsToldAfterOneFreshTry) {
  test::write_bytes(part_, Bytes(1000, 'x'));
  const test::HttpServer server(remote_);
  EXPECT_EQ(fetch_large(server.url(), podium_sha256).code, ExitCode::bad_data);
  EXPECT_EQ(server.requests(), 2);
  EXPECT_EQ(entries(local_), 0u);
}

TEST_F(ResumeTest, APartAsLongAsTheFileIsRightOrDropped) {
  const test::HttpServer server(remote_);
  test::write_bytes(part_, large_);
  EXPECT_EQ(fetch_large(server.url(), sha256_).message, "");
  EXPECT_EQ(server.requests(), 0);
  std::filesystem::remove(target_);
  test::write_bytes(part_, Bytes(large_.size() + 5, 'x'));
  EXPECT_EQ(fetch_large(server.url(), sha256_).message, "");
  EXPECT_EQ(test::read_bytes(target_), large_);
  EXPECT_EQ(server.requests(), 2);
}

TEST_F(ResumeTest, AnotherRangeThanAskedForIsRefused) {
  test::HttpServer server(remote_, broken_);
  fetch_large(server.url(), "");
  server.set_options({.range_shift = 7});
  EXPECT_EQ(fetch_large(server.url(), "").message, "");
  EXPECT_EQ(test::read_bytes(target_), large_);
  EXPECT_EQ(server.requests(), 6);
}

TEST_F(ResumeTest, AnAbsurdLengthIsRefused) {
  const test::HttpServer server(remote_, {.announced_bytes = (uint64_t{64} << 30) + 1});
  const auto thrown = fetch_large(server.url(), "");
  EXPECT_EQ(thrown.code, ExitCode::unavailable);
  EXPECT_TRUE(thrown.mentions("more than 64 GiB")) << thrown.message;
  EXPECT_EQ(entries(local_), 0u);
}

TEST_F(ResumeTest, ThreadsThatFetchOneFileTakeTurns) {
  const test::HttpServer server(remote_, {.body_limit = 80000});
  std::vector<std::thread> threads;
  std::atomic<int> failures{0};
  for (int i = 0; i < 5; ++i) {
    threads.emplace_back([&] {
      if (fetch_large(server.url(), sha256_).code != ExitCode::done) ++failures;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(server.requests(), 4);
  EXPECT_EQ(test::read_bytes(target_), large_);
  EXPECT_EQ(entries(local_), 1u);
}

TEST_F(ResumeTest, ProcessesThatFetchOneFileTakeTurns) {
  std::vector<pid_t> children;
  const std::string place = "file://" + remote_.string();
  for (int i = 0; i < 4; ++i) {
    children.push_back(fork());
    if (children.back() == 0) _exit(static_cast<int>(fetch_large(place, sha256_).code));
  }
  for (const pid_t child : children) {
    int status = 1;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(test::read_bytes(target_), large_);
  EXPECT_EQ(entries(local_), 1u);
}

TEST_F(FetchTest, FullDiskIsAnIoErrorAndLeavesNothing) {
  test::write_bytes(remote_ / "large", Bytes(100000, 'x'));
  const int code = test::run_with_file_limit(50000, [&] {
    fetch({{"file://" + (remote_ / "large").string()}, target_, ""}, "");
  });
  EXPECT_EQ(code, static_cast<int>(ExitCode::io));
  EXPECT_EQ(entries(local_), 0u);
}

}  // namespace
}  // namespace podium::io
