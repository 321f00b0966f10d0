// Real sockets of this machine: connections that come, are late, or do not come, and what travels.
#include "core/sockets.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <thread>
#include <vector>

namespace podium {
namespace {

using namespace std::chrono_literals;

FileDescriptor accepted(const FileDescriptor& listener) {
  if (!wait_for(listener.get(), POLLIN, SteadyClock::now() + 10s)) return {};
  return FileDescriptor(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

TEST(Sockets, ConnectByTcp) {
  bool found = false;
  const FileDescriptor listener = listen_by_tcp("127.0.0.1", "0", &found);
  ASSERT_TRUE(listener);
  EXPECT_TRUE(found);
  const std::string port = port_of(listener);
  EXPECT_TRUE(connect_by_tcp("127.0.0.1", port, 10s));
  EXPECT_TRUE(accepted(listener));
  EXPECT_FALSE(connect_by_tcp("no.such.host.invalid", port, 10s));
  EXPECT_FALSE(listen_by_tcp("no.such.host.invalid", "0", &found));
  EXPECT_FALSE(found);
}

// More at once than the listener has room for: none of them is told that it is connected before it
// is.
TEST(Sockets, ACrowdInsideTheNodeWaitsForItsTurn) {
  const std::string name = "podium-test-" + make_secret();
  EXPECT_FALSE(connect_inside_node(name, 10s)) << "nobody listens";
  const FileDescriptor listener = listen_inside_node(name);
  ASSERT_TRUE(listener);
  std::vector<FileDescriptor> crowd;
  for (int i = 0; i < 400; ++i) {
    FileDescriptor socket = connect_inside_node(name, 0ms);
    if (!socket) break;
    crowd.push_back(std::move(socket));
  }
  ASSERT_LT(crowd.size(), 400U);
  std::thread late([&] {
    FileDescriptor socket = connect_inside_node(name, 10s);
    ASSERT_TRUE(socket);
    EXPECT_EQ(::send(socket.get(), "x", 1, MSG_NOSIGNAL), 1);
  });
  for (size_t i = 0; i < crowd.size(); ++i) EXPECT_TRUE(accepted(listener));
  const FileDescriptor last = accepted(listener);
  late.join();
  ASSERT_TRUE(last);
  EXPECT_TRUE(is_own_user(last));
  EXPECT_TRUE(wait_for(last.get(), POLLIN, SteadyClock::now() + 10s));
}

TEST(Sockets, ADescriptorTravelsWithBytes) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
  const FileDescriptor here(ends[0]);
  const FileDescriptor there(ends[1]);
  std::array<char, 8> room{};
  iovec to{room.data(), room.size()};
  EXPECT_EQ(receive_some(there.get(), std::span(&to, 1), nullptr), -1);
  EXPECT_TRUE(failed_for_now());
  EXPECT_FALSE(wait_for(there.get(), POLLIN, SteadyClock::now()));

  const FileDescriptor memory(::memfd_create("test", MFD_CLOEXEC));
  ASSERT_EQ(::write(memory.get(), "kept", 4), 4);
  std::array<char, 3> word = {'a', 'b', 'c'};
  const std::array<iovec, 2> parts = {iovec{word.data(), 1}, iovec{word.data() + 1, 2}};
  EXPECT_EQ(send_some(here.get(), parts, memory.get()), 3);
  FileDescriptor passed;
  EXPECT_EQ(receive_some(there.get(), std::span(&to, 1), &passed), 3);
  EXPECT_EQ(std::string(room.data(), 3), "abc");
  ASSERT_TRUE(passed);
  EXPECT_EQ(::pread(passed.get(), room.data(), room.size(), 0), 4);
  EXPECT_EQ(std::string(room.data(), 4), "kept");
}

TEST(Sockets, SecretsDifferAndAreKnownAgain) {
  const std::string secret = make_secret();
  EXPECT_EQ(secret.size(), 32U);
  EXPECT_NE(make_secret(), secret);
  const auto told = [](const std::string& text) { return std::as_bytes(std::span(text)); };
  EXPECT_TRUE(is_secret(told(secret), secret));
  EXPECT_FALSE(is_secret(told(secret.substr(1)), secret));
  std::string other = secret;
  other.back() = other.back() == '0' ? '1' : '0';
  EXPECT_FALSE(is_secret(told(other), secret));
  EXPECT_FALSE(is_secret({}, secret));
}

}  // namespace
}  // namespace podium
