#include "io/files/atomic_file.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "io/data_files.hpp"
#include "io/files/file_lock.hpp"
#include "io/limited_child.hpp"
#include "temporary_folder.hpp"

namespace podium::io {
namespace {

using test::thrown_by;

size_t entries(const std::filesystem::path& folder) {
  return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

TEST(AtomicFile, AppearsOnlyWhenPublished) {
  const test::TemporaryFolder folder;
  const auto target = folder.path() / "file";
  {
    TemporaryFile file(target);
    write_all(file.descriptor(), "text", target);
    EXPECT_FALSE(std::filesystem::exists(target));
    file.publish();
  }
  EXPECT_EQ(read_text_file(target), "text");
  { TemporaryFile abandoned(target); }
  EXPECT_EQ(read_text_file(target), "text");
  EXPECT_EQ(entries(folder.path()), 1u);
}

TEST(AtomicFile, FullDiskKeepsTheOldContent) {
  const test::TemporaryFolder folder;
  const auto target = folder.path() / "file";
  write_text_file(target, "old");
  const int code =
      test::run_with_file_limit(100, [&] { write_text_file(target, std::string(1000, 'x')); });
  EXPECT_EQ(code, static_cast<int>(ExitCode::io));
  EXPECT_EQ(read_text_file(target), "old");
  EXPECT_EQ(entries(folder.path()), 1u);
}

TEST(AtomicFile, ErrorsNameTheFileThatWasAskedFor) {
  const test::TemporaryFolder folder;
  const auto target = folder.path() / "missing" / "file.csv";
  const test::Thrown thrown = thrown_by([&] { write_text_file(target, "text"); });
  EXPECT_EQ(thrown.code, ExitCode::io);
  EXPECT_TRUE(thrown.mentions("(" + target.string() + ")")) << thrown.message;
}

TEST(AtomicFile, FileInPlaceOfAFolderIsAnIoError) {
  const test::TemporaryFolder folder;
  write_text_file(folder.path() / "file", "text");
  EXPECT_EQ(thrown_by([&] { create_folder(folder.path() / "file"); }).code, ExitCode::io);
  EXPECT_EQ(thrown_by([&] { create_folder(folder.path() / "file" / "sub"); }).code, ExitCode::io);
  EXPECT_EQ(thrown_by([&] { write_text_file(folder.path() / "file" / "sub", ""); }).code,
            ExitCode::io);
}

TEST(AtomicFile, RemovesWhatAKilledWriterLeft) {
  const test::TemporaryFolder folder;
  const pid_t child = fork();
  if (child == 0) {
    TemporaryFile file(folder.path() / "file.h5");
    kill(getpid(), SIGKILL);
  }
  waitpid(child, nullptr, 0);
  TemporaryFile living(folder.path() / "file.h5");
  write_text_file(folder.path() / ".hidden.tmp", "not a temporary name of ours");
  EXPECT_EQ(entries(folder.path()), 3u);
  remove_stale_temporaries(folder.path());
  EXPECT_EQ(entries(folder.path()), 2u);
  EXPECT_TRUE(std::filesystem::exists(living.path()));
}

TEST(FileLock, ExcludesOthersUntilReleased) {
  const test::TemporaryFolder folder;
  const auto path = folder.path() / "lock";
  FileLock first(path, std::chrono::milliseconds(0));
  bool waited = false;
  const auto thrown = thrown_by(
      [&] { FileLock second(path, std::chrono::milliseconds(20), [&] { waited = true; }); });
  EXPECT_EQ(thrown.code, ExitCode::unavailable);
  EXPECT_TRUE(waited);
  std::thread other([&] { FileLock second(path, std::chrono::seconds(60)); });
  first.release();
  other.join();
}

TEST(FileLock, FallsWithItsDeadHolder) {
  const test::TemporaryFolder folder;
  const auto path = folder.path() / "lock";
  const pid_t child = fork();
  if (child == 0) {
    const FileLock held(path, std::chrono::seconds(1));
    kill(getpid(), SIGKILL);
  }
  waitpid(child, nullptr, 0);
  EXPECT_EQ(thrown_by([&] { FileLock lock(path, std::chrono::seconds(0)); }).code, ExitCode::done);
}

}  // namespace
}  // namespace podium::io
