#include "learn/hub_wire.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "core/channel.hpp"

namespace podium::learn {
namespace {

using namespace std::chrono_literals;

struct Pair {
  Pair() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    hub = std::make_unique<HubWire>(FileDescriptor(ends[0]), 1000);
    peer = Channel(FileDescriptor(ends[1]), most_message_bytes);
  }
  std::unique_ptr<HubWire> hub;
  Channel peer;
};

std::vector<std::byte> bytes_of(size_t count) {
  std::vector<std::byte> bytes(count);
  for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::byte>(i * 7);
  return bytes;
}

TEST(HubWire, TakesHeadsAndBytesAsTheyCome) {
  Pair pair;
  const auto bytes = bytes_of(900);
  EXPECT_FALSE(pair.hub->receive());
  pair.peer.send({{"a", 1}}, 1s);
  pair.peer.send({{"b", 2}, {"bytes", bytes.size()}}, 1s);
  auto first = pair.hub->receive();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->head.at("a"), 1);
  EXPECT_TRUE(first->bytes.empty());
  EXPECT_FALSE(pair.hub->receive()) << "its bytes are to come";
  pair.peer.send_bytes(std::span(bytes).first(400), 1s);
  EXPECT_FALSE(pair.hub->receive());
  pair.peer.send_bytes(std::span(bytes).subspan(400), 1s);
  const auto second = pair.hub->receive();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->bytes, bytes);
  EXPECT_TRUE(pair.hub->open());
}

TEST(HubWire, EndsWithWhoBreaksTheGrammar) {
  const auto refused = [](const std::string& text) {
    Pair pair;
    pair.peer.send_bytes(std::as_bytes(std::span(text)), 1s);
    EXPECT_FALSE(pair.hub->receive());
    EXPECT_FALSE(pair.hub->open()) << text;
    return pair.hub->why();
  };
  EXPECT_NE(refused(std::string("\xff\xff\xff\x7f", 4)).find("more than"), std::string::npos);
  EXPECT_NE(refused(std::string("\3\0\0\0abc", 7)).find("no message"), std::string::npos);
  EXPECT_NE(refused(std::string("\2\0\0\0[]", 6)).find("no message"), std::string::npos);
  EXPECT_NE(refused(std::string("\x0e\0\0\0{\"bytes\":1001}", 18)).find("more than"),
            std::string::npos);
  EXPECT_NE(refused(std::string("\x0c\0\0\0{\"bytes\":-1}", 16)).find("more than"),
            std::string::npos);
}

TEST(HubWire, KeepsWhatThePeerDoesNotTakeYet) {
  Pair pair;
  const auto bytes = std::make_shared<const std::vector<std::byte>>(bytes_of(4 << 20));
  pair.hub->send({{"take", 1}}, bytes);
  EXPECT_TRUE(pair.hub->has_unsent());
  const auto head = pair.peer.receive(1s);
  ASSERT_TRUE(head);
  std::vector<std::byte> got(head->at("bytes").get<size_t>());
  std::span<std::byte> left(got);
  while (!left.empty()) {
    pair.hub->flush();
    const size_t part = std::min<size_t>(left.size(), 4096);
    ASSERT_TRUE(pair.peer.receive_bytes(left.first(part), 1s));
    left = left.subspan(part);
  }
  EXPECT_FALSE(pair.hub->has_unsent());
  EXPECT_EQ(got, *bytes);
}

TEST(HubWire, SeesThatThePeerHasGone) {
  Pair pair;
  pair.peer.close();
  EXPECT_FALSE(pair.hub->receive());
  EXPECT_EQ(pair.hub->why(), "it has gone");
}

}  // namespace
}  // namespace podium::learn
