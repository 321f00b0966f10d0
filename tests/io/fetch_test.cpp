#include "io/sources/fetch.hpp"

#include <gtest/gtest.h>

#include "io/http_server.hpp"
#include "io/limited_child.hpp"
#include "temporary_folder.hpp"

namespace podium::io {
namespace {

using test::Bytes;
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
