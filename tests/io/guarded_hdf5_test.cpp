#include "io/files/guarded_hdf5.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "io/hdf5_source_fixture.hpp"

namespace podium::io {
namespace {

class GuardedHdf5Test : public Hdf5SourceFixture {};

// An input that the fuzzer found: a few bytes of its metadata are wrong.
std::filesystem::path crashing_file() {
  return std::filesystem::path(PODIUM_FUZZ_CORPUS) / "hdf5" / "moved_heap_old";
}

void read_directly(const std::filesystem::path& path) {
  const ForeignHdf5File file(path);
  for (const char* name : {"images", "labels", "test_images", "test_labels"}) file.dataset(name);
  file.text_attribute("class_names");
}

TEST_F(GuardedHdf5Test, AFileThatCrashesTheLibraryIsADataError) {
  std::filesystem::copy_file(crashing_file(), path_);
  const pid_t child = fork();
  if (child == 0) {
    for (const int number : {SIGSEGV, SIGABRT}) std::signal(number, SIG_DFL);
    ::close(STDERR_FILENO);  // what sanitizers say
    try {
      read_directly(path_);
    } catch (...) {
      _exit(0);
    }
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
    GTEST_SKIP() << "this HDF5 library refuses the file by itself";
  }
  expect_refused({"set.h5", "it crashed"});
}

TEST_F(GuardedHdf5Test, GivesWhatIsInTheFileAndItsErrors) {
  {
    UserHdf5 file(path_);
    write_pair(file, "", 0, 53);
    file.group("empty");
    file.attribute("class_names", "[]", true);
  }
  const GuardedHdf5File file(path_);
  EXPECT_EQ(file.find("images"), GuardedHdf5File::Object::dataset);
  EXPECT_EQ(file.find("empty"), GuardedHdf5File::Object::group);
  EXPECT_EQ(file.find("nothing"), GuardedHdf5File::Object::none);
  EXPECT_EQ(file.text_attribute("class_names"), "[]");
  EXPECT_EQ(file.text_attribute("nothing"), std::nullopt);
  const GuardedDataset images = file.dataset("images");
  EXPECT_EQ(images.shape(), (std::vector<uint64_t>{53, 5, 4, 3}));
  Bytes rows(2 * image_bytes);
  images.read(51, std::span<uint8_t>(rows));
  const Bytes all = test::test_images(0, 53, image_bytes);
  EXPECT_EQ(rows, Bytes(all.end() - 2 * image_bytes, all.end()));
  std::vector<double> numbers(image_bytes);
  images.read(7, std::span<double>(numbers));
  EXPECT_EQ(numbers.front(), all[7 * image_bytes]);
  const auto thrown = thrown_by([&] { file.dataset("nothing"); });
  EXPECT_EQ(thrown.code, ExitCode::bad_data);
  EXPECT_TRUE(thrown.mentions("missing HDF5 dataset")) << thrown.message;
  EXPECT_EQ(thrown_by([&] { GuardedHdf5File(folder_.path() / "none"); }).code, ExitCode::bad_data);
}

TEST_F(GuardedHdf5Test, RowsBeyondOneAnswerArriveWhole) {
  constexpr uint64_t rows = 5;
  constexpr uint64_t row_bytes = uint64_t{3} << 20;
  const Bytes pixels = test::test_images(0, rows, row_bytes);
  {
    UserHdf5 file(path_);
    file.dataset("images", H5T_STD_U8LE, H5T_NATIVE_UINT8, {rows, 3, 1024, 1024}, pixels.data());
  }
  Bytes read(rows * row_bytes);
  GuardedHdf5File(path_).dataset("images").read(0, std::span<uint8_t>(read));
  EXPECT_TRUE(read == pixels);
}

// Children begin while other threads are within the library.
TEST_F(GuardedHdf5Test, ThreadsReadFilesOfTheirOwn) {
  write_default();
  const Bytes all = test::test_images(0, 53, image_bytes);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) {
        Bytes read(all.size());
        GuardedHdf5File(path_).dataset("images").read(0, std::span<uint8_t>(read));
        if (read != all) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace podium::io
