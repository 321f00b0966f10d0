// Worker processes: their socket, their environment, their end, and the tie to the parent's life.
// This executable starts itself as the worker (see main below).
#include "core/worker_process.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <thread>

namespace podium {
namespace {

std::string read_text(int fd) {
  std::string text(4096, '\0');
  const ssize_t got = ::read(fd, text.data(), text.size());
  text.resize(got > 0 ? static_cast<size_t>(got) : 0);
  return text;
}

TEST(WorkerProcess, SpeaksOverItsSocketWithoutTheLaunchersVariables) {
  setenv("OMPI_COMM_WORLD_RANK", "3", 1);
  setenv("PMIX_RANK", "3", 1);
  setenv("PODIUM_TEST_KEPT", "yes", 1);
  WorkerProcess worker = WorkerProcess::start({"__worker", "environment"});
  const FileDescriptor socket = worker.take_socket();
  EXPECT_EQ(read_text(socket.get()), "OMPI none, PMIX none, kept yes");
  EXPECT_EQ(worker.end(std::chrono::seconds(10)).status, 0);
}

TEST(WorkerProcess, InheritsNoOtherDescriptor) {
  const FileDescriptor open_here(::dup(STDERR_FILENO));  // not close-on-exec
  ASSERT_GT(open_here.get(), worker_socket_fd);
  WorkerProcess worker =
      WorkerProcess::start({"__worker", "has " + std::to_string(open_here.get())});
  EXPECT_EQ(worker.end(std::chrono::seconds(10)).status, 0);
}

TEST(WorkerProcess, ReportsItsExitStatusOrSignal) {
  WorkerProcess failing = WorkerProcess::start({"__worker", "exit7"});
  EXPECT_EQ(failing.end(std::chrono::seconds(10)).status, 7);
  WorkerProcess killed = WorkerProcess::start({"__worker", "wait"});
  killed.signal(SIGKILL);
  EXPECT_EQ(killed.end(std::chrono::seconds(10)).status, 128 + SIGKILL);
}

TEST(WorkerProcess, SeesItsParentGoAndEnds) {
  WorkerProcess worker = WorkerProcess::start({"__worker", "wait"});
  EXPECT_FALSE(worker.poll());
  worker.take_socket().reset();  // what the kernel does when the parent dies
  EXPECT_EQ(worker.end(std::chrono::seconds(10)).status, 0);
}

TEST(WorkerProcess, OneThatIgnoresItsEndIsKilledAfterTheGrace) {
  WorkerProcess worker = WorkerProcess::start({"__worker", "stubborn"});
  EXPECT_EQ(worker.end(std::chrono::milliseconds(50)).status, 128 + SIGKILL);
}

int worker_main(const std::string& what) {
  if (what == "exit7") return 7;
  if (what.starts_with("has ")) return ::fcntl(std::stoi(what.substr(4)), F_GETFD) >= 0 ? 1 : 0;
  if (what == "stubborn") ::pause();
  if (what == "wait") {
    read_text(worker_socket_fd);
    return 0;
  }
  const auto value = [](const char* name) {
    const char* text = std::getenv(name);
    return std::string(text == nullptr ? "none" : text);
  };
  const std::string answer = "OMPI " + value("OMPI_COMM_WORLD_RANK") + ", PMIX " +
                             value("PMIX_RANK") + ", kept " + value("PODIUM_TEST_KEPT");
  return ::write(worker_socket_fd, answer.data(), answer.size()) > 0 ? 0 : 1;
}

}  // namespace
}  // namespace podium

int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == "__worker") return podium::worker_main(argv[2]);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
