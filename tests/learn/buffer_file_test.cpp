// That a loaded buffer goes on as the saved one: buffer_model_test.cpp.
#include <gtest/gtest.h>

#include <fstream>

#include "core/error.hpp"
#include "learn/buffer.hpp"
#include "learn/experiences.hpp"
#include "temporary_folder.hpp"

namespace podium::learn {
namespace {

using Time = Buffer::Time;

class BufferFileTest : public testing::Test {
 protected:
  std::filesystem::path file(const char* name = "buffer.h5") const { return folder_.path() / name; }

  static BufferOptions options(size_t capacity = 20) {
    BufferOptions options;
    options.capacity = capacity;
    options.reuse = 3;
    options.most_staleness = 5;
    return options;
  }

  // Some of every place.
  static Buffer filled() {
    Buffer buffer(options());
    for (uint64_t id = 0; id < 10; ++id) {
      buffer.put(id % 3 == 0 ? test::unrewarded(id, 1, 2) : test::experience(id, 1, 3), Time(10));
    }
    buffer.draw(3, 2);
    return buffer;
  }

  std::string content(const std::filesystem::path& path) const {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }

  // Expects an error of `code` that names the file.
  void expect_refused(const std::filesystem::path& path, ExitCode code, size_t capacity = 20) {
    Buffer buffer(options(capacity));
    try {
      buffer.load(path, Time(0));
      ADD_FAILURE() << "loaded " << path;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      EXPECT_NE(std::string(error.what()).find(path.filename().string()), std::string::npos)
          << error.what();
    }
  }

  test::TemporaryFolder folder_;
};

TEST_F(BufferFileTest, EqualBuffersMakeEqualFiles) {
  filled().save(file(), Time(20));
  Buffer loaded(options());
  loaded.load(file(), Time(500));
  loaded.save(file("again.h5"), Time(500));
  EXPECT_EQ(content(file()), content(file("again.h5")));
}

TEST_F(BufferFileTest, AnEmptyOneCanBeSavedToo) {
  Buffer(options()).save(file(), Time(0));
  Buffer loaded(options());
  loaded.load(file(), Time(0));
  EXPECT_EQ(loaded.room(), 20u);
}

TEST_F(BufferFileTest, RewardsHaveWhatWasLeftOfTheirTime) {
  const auto limit = options().reward_limit;
  filled().save(file(), Time(10) + limit - Time(7));
  Buffer loaded(options());
  loaded.load(file(), Time(100));
  loaded.expire(Time(106));
  EXPECT_EQ(loaded.counts().unrewarded, 0u);
  loaded.expire(Time(107));
  EXPECT_EQ(loaded.counts().unrewarded, 4u);
}

TEST_F(BufferFileTest, RefusesWhatIsDamagedByName) {
  filled().save(file(), Time(20));
  const std::string whole = content(file());
  for (size_t at = 3; at < whole.size(); at += whole.size() / 50) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 4);
    if (at < 512 && whole[at] == '\0') continue;  // the seal's padding
    std::ofstream(file("damaged.h5"), std::ios::binary) << damaged;
    expect_refused(file("damaged.h5"), ExitCode::bad_data);
  }
  std::ofstream(file("short.h5"), std::ios::binary) << whole.substr(0, whole.size() / 2);
  expect_refused(file("short.h5"), ExitCode::bad_data);
  expect_refused(file("absent.h5"), ExitCode::io);
}

TEST_F(BufferFileTest, RefusesMoreThanItCanHold) {
  filled().save(file(), Time(20));
  expect_refused(file(), ExitCode::usage, 9);
}

TEST_F(BufferFileTest, FewerUsesThanBeforeLetUsedOnesGo) {
  filled().save(file(), Time(20));
  BufferOptions once = options();
  once.reuse = 1;
  Buffer loaded(once);
  loaded.load(file(), Time(20));
  EXPECT_EQ(loaded.counts().used_up, 3u);
  EXPECT_EQ(loaded.counts().ready, 3u);
}

}  // namespace
}  // namespace podium::learn
