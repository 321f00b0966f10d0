// Links and stations over real sockets, with and without shared memory: messages of all sizes,
// strangers, rubbish, peers that stop.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <cstring>
#include <numeric>
#include <thread>

#include "core/error.hpp"
#include "core/sockets.hpp"
#include "ps/tcp/frame.hpp"
#include "ps/tcp/socket.hpp"
#include "ps/tcp/tcp_link.hpp"
#include "ps/tcp/tcp_station.hpp"

namespace podium::ps {
namespace {

using Milliseconds = std::chrono::milliseconds;
constexpr Milliseconds limit{20'000};

// A station in a thread of its own that answers each push with values: the same payload, and
// counts what it loses.
class Echo {
 public:
  explicit Echo(const WireOptions& options) : station_("127.0.0.1:0", options) {
    thread_ = std::thread([this] {
      const Station::Events events{
          [this](Station::Peer peer, const Incoming& message) { answer(peer, message); },
          [this](Station::Peer) { ++lost_; }};
      while (!ending_) station_.run(Milliseconds(100), events);
    });
  }
  ~Echo() {
    ending_ = true;
    station_.wake();
    thread_.join();
  }

  std::string address() const { return station_.address(); }
  int lost() const { return lost_; }
  bool loses(int count) const {
    const Deadline deadline(limit);
    while (lost_ < count && !deadline.expired()) std::this_thread::sleep_for(Milliseconds(1));
    return lost_ == count;
  }

 private:
  void answer(Station::Peer peer, const Incoming& message) {
    Outgoing answer;
    answer.header = message.header;
    answer.header.kind = Kind::values;
    answer.segments.assign(message.segments.begin(), message.segments.end());
    answer.payload = {message.payload};
    seal(answer);
    station_.send(peer, answer);
  }

  TcpStation station_;
  std::atomic<bool> ending_{false};
  std::atomic<int> lost_{0};
  std::thread thread_;
};

std::vector<std::byte> pattern(size_t bytes, size_t seed) {
  std::vector<std::byte> values(bytes);
  for (size_t i = 0; i < bytes; ++i)
    values[i] = static_cast<std::byte>((i * 7 + i / 251 + seed) % 253);
  return values;
}

Outgoing push_of(std::span<const std::byte> bytes, uint64_t sequence, size_t parts = 1) {
  Outgoing message;
  message.header.kind = Kind::push;
  message.header.sequence = sequence;
  message.segments.push_back({sequence, bytes.size()});
  for (size_t part = 0; part < parts; ++part) {
    const size_t first = bytes.size() * part / parts;
    message.payload.push_back(bytes.subspan(first, bytes.size() * (part + 1) / parts - first));
  }
  seal(message);
  return message;
}

std::optional<Incoming> next(Link& link) {
  return link.receive(limit);
}

class Tcp : public testing::TestWithParam<bool> {
 protected:
  static WireOptions options() {
    WireOptions options;
    options.secret = "open sesame";
    options.shared_memory = GetParam();
    options.ring_bytes = size_t{1} << 20;  // smaller than some messages
    return options;
  }
};

TEST_P(Tcp, MessagesOfEverySizeComeBack) {
  const Echo echo(options());
  TcpLink link(echo.address(), limit, options());
  uint64_t sequence = 0;
  for (const size_t bytes : {0, 1, 4, 15, 16, 17, 4000, 8192, 32'768, 65'536, 70'001, 1 << 20,
                             (1 << 20) + 1, 9'000'001}) {
    const std::vector<std::byte> sent = pattern(bytes, bytes);
    const Outgoing message = push_of(sent, ++sequence, 1 + bytes % 3);
    link.send(message);
    const std::optional<Incoming> answer = next(link);
    ASSERT_TRUE(answer) << bytes;
    EXPECT_EQ(answer->header.sequence, sequence);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(answer->payload.data()) % 8, 0U);
    ASSERT_EQ(answer->segments.size(), 1U);
    EXPECT_EQ(answer->segments.front(), (Segment{sequence, bytes}));
    EXPECT_TRUE(std::ranges::equal(answer->payload, sent)) << bytes;
  }
}

TEST_P(Tcp, ManySegmentsAndPartsComeWhole) {
  const Echo echo(options());
  TcpLink link(echo.address(), limit, options());
  const std::vector<std::byte> sent = pattern(100'000, 3);
  Outgoing message = push_of(sent, 1, 1000);
  for (uint64_t i = 1; i < 20'000; ++i) message.segments.push_back({i, i * i});
  seal(message);
  link.send(message);
  const std::optional<Incoming> answer = next(link);
  ASSERT_TRUE(answer);
  EXPECT_TRUE(std::ranges::equal(answer->segments, message.segments));
  EXPECT_TRUE(std::ranges::equal(answer->payload, sent));
}

// More than sockets and windows hold: neither side may wait for the other.
TEST_P(Tcp, ManyInFlightComeInOrder) {
  const Echo echo(options());
  TcpLink link(echo.address(), limit, options());
  constexpr uint64_t count = 60;
  std::vector<std::vector<std::byte>> sent;
  for (uint64_t i = 0; i < count; ++i) sent.push_back(pattern(i % 7 * 200'000 + i, i));
  for (uint64_t i = 0; i < count; ++i) link.send(push_of(sent[i], i));
  for (uint64_t i = 0; i < count; ++i) {
    const std::optional<Incoming> answer = next(link);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->header.sequence, i);
    EXPECT_TRUE(std::ranges::equal(answer->payload, sent[i])) << i;
  }
}

TEST_P(Tcp, AnswersLandWhereTheyAreWanted) {
  const Echo echo(options());
  TcpLink link(echo.address(), limit, options());
  std::vector<std::byte> place(300'000);
  link.set_place([&](const Header& header) { return std::span(place).first(header.bytes); });
  for (const size_t bytes : {5, 20'000, 300'000}) {
    const std::vector<std::byte> sent = pattern(bytes, 1);
    link.send(push_of(sent, 1));
    const std::optional<Incoming> answer = next(link);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->payload.data(), place.data());
    EXPECT_TRUE(std::ranges::equal(answer->payload, sent));
  }
}

TEST_P(Tcp, AWrongSecretIsRefused) {
  const Echo echo(options());
  WireOptions wrong = options();
  wrong.secret = "open barley";
  try {
    const TcpLink link(echo.address(), limit, wrong);
    FAIL() << "it was let in";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::unavailable);
    EXPECT_NE(std::string(error.what()).find("secret"), std::string::npos) << error.what();
  }
  TcpLink link(echo.address(), limit, options());
  EXPECT_EQ(echo.lost(), 0);  // it never was a peer
}

TEST_P(Tcp, NobodyThereIsToldAtOnce) {
  std::string address;
  { address = Echo(options()).address(); }
  try {
    const TcpLink link(address, limit, options());
    FAIL() << "there is nobody";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::unavailable);
    EXPECT_NE(std::string(error.what()).find("127.0.0.1:"), std::string::npos) << error.what();
  }
}

TEST_P(Tcp, ALinkThatGoesIsNoticed) {
  const Echo echo(options());
  { const TcpLink link(echo.address(), limit, options()); }
  EXPECT_TRUE(echo.loses(1));
  auto gone = std::make_unique<Echo>(options());
  TcpLink link(gone->address(), limit, options());
  gone.reset();
  EXPECT_FALSE(link.receive(limit));
  EXPECT_FALSE(link.open());
  const std::vector<std::byte> bytes = pattern(100, 0);
  link.send(push_of(bytes, 1));  // nothing happens
}

// Raw bytes into a station; true when it ends the connection.
bool ends(const std::string& address, std::span<const std::byte> bytes) {
  const FileDescriptor socket = connect_to(parse_address(address), limit);
  ::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  char byte = 0;
  while (wait_for(socket.get(), POLLIN, SteadyClock::now() + limit)) {
    if (::recv(socket.get(), &byte, 1, 0) <= 0) return true;
  }
  return false;
}

void send_all(const FileDescriptor& socket, std::span<const std::byte> bytes) {
  while (!bytes.empty() && wait_for(socket.get(), POLLOUT, SteadyClock::now() + limit)) {
    const ssize_t sent = ::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && !failed_for_now()) return;
    if (sent > 0) bytes = bytes.subspan(static_cast<size_t>(sent));
  }
}

std::vector<std::byte> framed(const Outgoing& message, uint64_t position = inline_payload) {
  const Frame frame{position, frame_magic, 0};
  std::vector<std::byte> bytes(sizeof frame);
  std::memcpy(bytes.data(), &frame, sizeof frame);
  const std::vector<std::byte> body = encode(message);
  bytes.insert(bytes.end(), body.begin(), body.end());
  bytes.resize((bytes.size() + 15) / 16 * 16);
  return bytes;
}

std::vector<std::byte> greeting(const std::string& secret) {
  Outgoing message;
  message.header.kind = Kind::greet;
  message.payload = {std::as_bytes(std::span(secret))};
  seal(message);
  return framed(message);
}

std::vector<std::byte> operator+(std::vector<std::byte> left, const std::vector<std::byte>& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

TEST_P(Tcp, RubbishEndsOnlyItsOwnConnection) {
  const Echo echo(options());
  TcpLink link(echo.address(), limit, options());
  const std::vector<std::byte> hello = greeting(options().secret);
  const std::vector<std::byte> noise = pattern(5000, 9);
  const std::vector<std::byte> payload = pattern(64, 1);
  const Outgoing push = push_of(payload, 1);
  Outgoing endless = push;
  endless.header.bytes = uint64_t{1} << 60;
  Outgoing crowded = push;
  crowded.header.segments = UINT32_MAX;
  const auto head_only = [](const Outgoing& message) {
    Outgoing head = message;
    head.payload.clear();
    head.segments.clear();
    std::vector<std::byte> bytes = framed(Outgoing{});
    std::memcpy(bytes.data() + sizeof(Frame), &head.header, sizeof head.header);
    return bytes;
  };
  EXPECT_TRUE(ends(echo.address(), noise));
  EXPECT_TRUE(ends(echo.address(), framed(push)));                      // no greeting
  EXPECT_TRUE(ends(echo.address(), greeting("open")));                  // a part of the secret
  EXPECT_TRUE(ends(echo.address(), greeting(std::string(5000, 'x'))));  // a long one
  EXPECT_EQ(echo.lost(), 0);
  EXPECT_TRUE(ends(echo.address(), hello + noise));
  EXPECT_TRUE(ends(echo.address(), hello + head_only(endless)));
  EXPECT_TRUE(ends(echo.address(), hello + head_only(crowded)));
  EXPECT_TRUE(ends(echo.address(), hello + framed(push, 64)));  // memory that it never gave
  EXPECT_TRUE(echo.loses(4));
  link.send(push);
  EXPECT_TRUE(next(link));
}

TEST_P(Tcp, WhoStopsInTheMiddleIsLost) {
  WireOptions impatient = options();
  impatient.silence = impatient.stall = Milliseconds(300);
  const Echo echo(impatient);
  TcpLink idle(echo.address(), limit, options());
  const std::vector<std::byte> hello = greeting(options().secret);
  EXPECT_TRUE(ends(echo.address(), std::span(hello).first(20)));  // a greeting that never ends
  EXPECT_TRUE(ends(echo.address(), {}));
  const std::vector<std::byte> payload = pattern(100'000, 1);
  const std::vector<std::byte> message = hello + framed(push_of(payload, 1));
  EXPECT_TRUE(ends(echo.address(), std::span(message).first(50'000)));
  EXPECT_TRUE(echo.loses(1));
  // One that takes no answers: what is sent to it piles up.
  const FileDescriptor deaf = connect_to(parse_address(echo.address()), limit);
  const std::vector<std::byte> half = pattern(500'000, 1);
  send_all(deaf, hello);
  for (int i = 0; i < 60; ++i) send_all(deaf, framed(push_of(half, 1)));
  EXPECT_TRUE(echo.loses(2));
  // Who has nothing to say is no such peer.
  idle.send(push_of(hello, 1));
  EXPECT_TRUE(next(idle));
}

// It computes, say, while answers pile up on their way to it.
TEST(TcpOptions, WhoTakesNoAnswersForLongerThanTheSilenceKeepsItsConnection) {
  WireOptions options;
  options.shared_memory = false;
  options.silence = Milliseconds(500);
  const Echo echo(options);
  TcpLink link(echo.address(), limit, options);
  const std::vector<std::byte> sent = pattern(1'000'000, 1);
  constexpr uint64_t messages = 40;
  for (uint64_t i = 0; i < messages; ++i) link.send(push_of(sent, i));
  std::this_thread::sleep_for(5 * options.silence);
  for (uint64_t i = 0; i < messages; ++i) {
    const std::optional<Incoming> answer = next(link);
    ASSERT_TRUE(answer) << i;
    EXPECT_EQ(answer->header.sequence, i);
  }
  EXPECT_EQ(echo.lost(), 0);
}

// As many workers that all start at once, or a stranger's crowd.
TEST(TcpOptions, WhoComesInACrowdIsHeardInTheEnd) {
  WireOptions options;
  options.shared_memory = false;
  options.silence = Milliseconds(500);
  const Echo echo(options);
  std::vector<FileDescriptor> crowd;
  for (int i = 0; i < 100; ++i) {
    crowd.push_back(connect_to(parse_address(echo.address()), limit));
  }
  TcpLink link(echo.address(), limit, options);
  link.send(push_of({}, 7));
  const std::optional<Incoming> answer = next(link);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->header.sequence, 7U);
}

TEST(TcpOptions, WithoutSharedMemoryThereIsNoLocalSocket) {
  WireOptions options;
  options.shared_memory = false;
  EXPECT_EQ(TcpStation("127.0.0.1:0", options).address().find('/'), std::string::npos);
  options.shared_memory = true;
  EXPECT_NE(TcpStation("127.0.0.1:0", options).address().find('/'), std::string::npos);
}

// A worker that may not share memory still reaches a station that may.
TEST(TcpOptions, OneSideAloneSharesNothing) {
  WireOptions shares;
  WireOptions alone;
  alone.shared_memory = false;
  const Echo echo(shares);
  TcpLink link(echo.address(), limit, alone);
  const std::vector<std::byte> sent = pattern(200'000, 1);
  link.send(push_of(sent, 1));
  const std::optional<Incoming> answer = next(link);
  ASSERT_TRUE(answer);
  EXPECT_TRUE(std::ranges::equal(answer->payload, sent));
}

TEST(TcpAddress, IsParsed) {
  EXPECT_EQ(parse_address("node7:4711").text(), "node7:4711");
  EXPECT_EQ(parse_address("node7:4711/name").local, "name");
  EXPECT_EQ(parse_address("::1:80").port, "80");
  for (const char* wrong : {"", "node", ":1", "node:", "node:/x", "node:x", "node:65536"}) {
    EXPECT_THROW(parse_address(wrong), Error) << wrong;
  }
}

INSTANTIATE_TEST_SUITE_P(Both, Tcp, testing::Bool(), [](const auto& shared) {
  return shared.param ? "SharedMemory" : "Plain";
});

}  // namespace
}  // namespace podium::ps
