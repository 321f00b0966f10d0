// The log of a job's events and the event file for TensorBoard: bytes by known examples, lines
// after a death, and what becomes a curve.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <sstream>
#include <thread>

#include "core/crc32c.hpp"
#include "core/error.hpp"
#include "core/event_file.hpp"
#include "core/metrics_log.hpp"
#include "temporary_folder.hpp"

namespace podium {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

std::vector<std::string> lines_of(const fs::path& path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

std::string hex(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const char byte : bytes) {
    text += digits[static_cast<unsigned char>(byte) >> 4];
    text += digits[static_cast<unsigned char>(byte) & 15];
  }
  return text;
}

uint64_t little_endian(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i > 0; --i) {
    value = value << 8 | static_cast<unsigned char>(bytes[i - 1]);
  }
  return value;
}

// The messages of a file of records, checked bit by bit against a checksum of this test's own.
std::vector<std::string> records_of(const std::string& bytes) {
  const auto masked = [](std::string_view part) {
    uint32_t crc = 0xFFFFFFFF;
    for (const char byte : part) {
      crc ^= static_cast<unsigned char>(byte);
      for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ 0x82F63B78 : crc >> 1;
    }
    crc = ~crc;
    return static_cast<uint32_t>((crc >> 15 | crc << 17) + 0xA282EAD8);
  };
  std::vector<std::string> records;
  for (size_t at = 0; at < bytes.size();) {
    const size_t length = little_endian(bytes.substr(at, 8));
    EXPECT_EQ(little_endian(bytes.substr(at + 8, 4)), masked(bytes.substr(at, 8)));
    records.push_back(bytes.substr(at + 12, length));
    EXPECT_EQ(little_endian(bytes.substr(at + 12 + length, 4)), masked(records.back()));
    at += length + 16;
  }
  return records;
}

fs::path only_file_in(const fs::path& folder) {
  return *fs::directory_iterator(folder);
}

// RFC 3720, appendix B.4.
TEST(Crc32c, IsThatOfTheRfc) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AA);
  EXPECT_EQ(crc32c(std::string(32, '\xFF')), 0x62A8AB43);
  EXPECT_EQ(crc32c(""), 0U);
}

// What TensorBoard's own package (2.21) makes of the same.
TEST(EventFile, WritesTheBytesOfTensorBoard) {
  EXPECT_EQ(hex(tf_record("abc")), "0300000000000000b099490e6162636e57f121");
  const test::TemporaryFolder folder;
  EventFile file(folder.path() / "tensorboard", Log());
  const std::vector<EventFile::Scalar> scalars = {{"cnn/loss", 0.25F}};
  file.write(1.5, 3, scalars);
  const std::string bytes = read(file.path());
  EXPECT_EQ(hex(bytes.substr(0, 12)), "1800000000000000a37f4b22");
  const std::string rest = hex(bytes.substr(24 + 16));
  EXPECT_EQ(rest,
            "1e00000000000000d9dc123209000000000000f83f10032a110a0f0a08636e6e2f6c6f7373150000803e"
            "6052bf6f");
  const std::vector<std::string> records = records_of(bytes);
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].substr(9),
            "\x1A\x0D"
            "brain.Event:2");
}

TEST(EventFile, IsNamedAsTensorBoardLooksForIt) {
  const test::TemporaryFolder folder;
  const EventFile file(folder.path(), Log());
  const std::string name = file.path().filename();
  EXPECT_TRUE(name.starts_with("events.out.tfevents.1") ||
              name.starts_with("events.out.tfevents.2"))
      << name;
  EXPECT_TRUE(name.ends_with("." + std::to_string(::getpid()))) << name;
}

TEST(EventFile, AFolderThatCannotBeMadeIsAnError) {
  const test::TemporaryFolder folder;
  std::ofstream(folder.path() / "tensorboard") << "in the way";
  try {
    const EventFile file(folder.path() / "tensorboard", Log());
    FAIL() << "it was made";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::io);
    EXPECT_NE(std::string(error.what()).find("tensorboard"), std::string::npos) << error.what();
  }
}

TEST(MetricsLog, EveryEventHasItsTimeAndItsJob) {
  const test::TemporaryFolder folder;
  const fs::path path = folder.path() / "metrics.jsonl";
  const Stopwatch started;
  MetricsLog metrics(path, started, Log());
  metrics.write({{"event", "now"}});
  metrics.write({{"event", "before"}},
                std::chrono::system_clock::now() - std::chrono::seconds(1000));
  MetricsLog other(path, started, Log());
  other.write({{"event", "of another job"}});
  MetricsLog rank(path, started, Log(), metrics.job());
  rank.write({{"event", "of another rank"}});

  std::vector<Json> events;
  for (const std::string& line : lines_of(path)) events.push_back(Json::parse(line));
  ASSERT_EQ(events.size(), 4U);
  EXPECT_GE(events[0].at("t_s"), 0.0);
  EXPECT_LE(events[0].at("t_s"), started.seconds());
  EXPECT_NEAR(events[1].at("t_s"), -1000, 60);
  EXPECT_EQ(events[0].at("job").get<std::string>().size(), 8U);
  EXPECT_EQ(events[0].at("job"), events[1].at("job"));
  EXPECT_NE(events[0].at("job"), events[2].at("job"));
  EXPECT_EQ(events[0].at("job"), events[3].at("job"));
}

TEST(MetricsLog, OneThatIsOffWritesNothing) {
  MetricsLog metrics;
  metrics.draw("/nowhere/at/all", {});
  metrics.write({{"event", "epoch"}});
  EXPECT_EQ(metrics.bytes(), 0U);
  EXPECT_EQ(metrics.job(), "");
}

// As a job that was killed within a write leaves it, or a disk that was full.
TEST(MetricsLog, BeginsOnALineOfItsOwnAfterHalfALine) {
  const test::TemporaryFolder folder;
  const fs::path path = folder.path() / "metrics.jsonl";
  std::ofstream(path) << R"({"event":"whole"})"
                      << "\n"
                      << R"({"event":"ha)";
  for (int job = 0; job < 2; ++job) MetricsLog(path, Stopwatch(), Log()).write({{"event", "next"}});
  const std::vector<std::string> lines = lines_of(path);
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[1], R"({"event":"ha)");
  EXPECT_EQ(Json::parse(lines[2]).at("event"), "next");
  EXPECT_EQ(Json::parse(lines[3]).at("event"), "next") << "no empty lines between";
}

TEST(MetricsLog, DrawsNumbersOfTheEventsItIsToldOf) {
  const test::TemporaryFolder folder;
  MetricsLog metrics(folder.path() / "metrics.jsonl", Stopwatch(), Log());
  metrics.draw(folder.path() / "tensorboard",
               {{"epoch", "model", "epochs", {"loss", "lr"}}, {"batch", "learn", "batch", {"kl"}}});
  metrics.write({{"event", "epoch"}, {"model", "cnn"}, {"epochs", 7}, {"loss", 0.1}, {"lr", "?"}});
  metrics.write({{"event", "batch"}, {"batch", 300}, {"kl", 2}, {"loss", 1.0}});
  metrics.write({{"event", "other"}, {"loss", 1.0}});
  metrics.write({{"event", "epoch"}, {"model", "cnn"}});  // without its step

  const std::vector<std::string> records =
      records_of(read(only_file_in(folder.path() / "tensorboard")));
  ASSERT_EQ(records.size(), 3U);
  const std::string epoch = hex(records[1].substr(9));
  EXPECT_EQ(epoch, "10072a110a0f0a08" + hex("cnn/loss") + "15cdcccc3d") << "0.1F, and no lr";
  const std::string batch = hex(records[2].substr(9));
  EXPECT_EQ(batch, "10ac022a110a0f0a08" + hex("learn/kl") + "1500000040");
}

// Whatever name the next file gets, it stands there already and takes nothing.
TEST(EventFile, AFullDiskEndsItWithOneWarning) {
  if (::access("/dev/full", W_OK) != 0) GTEST_SKIP() << "no /dev/full on this system";
  const test::TemporaryFolder folder;
  const std::string name = EventFile(folder.path() / "other", Log()).path().filename();
  const size_t dot = std::string("events.out.tfevents").size();
  const long long now = std::stoll(name.substr(dot + 1, 10));
  for (long long second = now; second < now + 60; ++second) {
    fs::create_symlink(
        "/dev/full",
        folder.path() / (name.substr(0, dot + 1) + std::to_string(second) + name.substr(dot + 11)));
  }
  testing::internal::CaptureStderr();
  EventFile file(folder.path(), Log(LogLevel::warning, "test"));
  const std::vector<EventFile::Scalar> scalars = {{"cnn/loss", 0.25F}};
  for (int step = 0; step < 3; ++step) file.write(1.5, step, scalars);
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::ranges::count(log, '\n'), 1) << log;
  EXPECT_NE(log.find("events.out.tfevents"), std::string::npos) << log;
}

}  // namespace
}  // namespace podium
