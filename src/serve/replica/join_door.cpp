#include "serve/replica/join_door.hpp"

#include <fcntl.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <optional>
#include <utility>

#include "core/error.hpp"
#include "serve/replica/frame.hpp"

namespace podium::serve {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::chrono::milliseconds accept_pause{100};
constexpr std::chrono::milliseconds complaint_pause{1'000};

}  // namespace

bool same_secret(std::string_view one, std::string_view other) {
  if (one.size() != other.size()) return false;
  volatile unsigned char difference = 0;
  for (size_t i = 0; i < one.size(); ++i) {
    difference = difference | static_cast<unsigned char>(one[i] ^ other[i]);
  }
  return difference == 0;
}

bool is_replica_name(std::string_view name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  return !name.empty() && name.size() <= 128 && std::ranges::all_of(name, fits);
}

struct JoinDoor::Shared {
  std::string secret;
  Join join;
  Log log;
  size_t handshakes = 0;
  std::chrono::steady_clock::time_point complained{};

  // A stranger who knocks all the time must not fill the log.
  void complain(const std::string& what) {
    const auto now = std::chrono::steady_clock::now();
    if (now - complained < complaint_pause) return;
    complained = now;
    log.warning(what);
  }
};

class JoinDoor::Handshake : public std::enable_shared_from_this<JoinDoor::Handshake> {
 public:
  Handshake(tcp::socket socket, std::shared_ptr<Shared> shared)
      : socket_(std::move(socket)),
        shared_(std::move(shared)),
        timer_(socket_.get_executor()),
        reader_(handshake_bytes) {
    ++shared_->handshakes;
    error_code ignored;  // it may be gone already; only for messages
    peer_ = socket_.remote_endpoint(ignored).address().to_string();
  }
  ~Handshake() { --shared_->handshakes; }
  Handshake(const Handshake&) = delete;
  Handshake& operator=(const Handshake&) = delete;

  void begin() {
    timer_.expires_after(handshake_limit);
    timer_.async_wait([self = shared_from_this()](const error_code& error) {
      error_code ignored;  // closing leaves nothing to repair
      if (!error) self->socket_.close(ignored);
    });
    receive();
  }

 private:
  void receive() {
    const std::span<char> space = reader_.space();
    const size_t room = std::min(space.size(), handshake_bytes);
    socket_.async_read_some(asio::buffer(space.data(), room),
                            [self = shared_from_this()](const error_code& error, size_t bytes) {
                              self->reader_.commit(bytes);
                              if (!error) return self->received();
                              self->timer_.cancel();
                            });
  }

  void received() {
    try {
      const std::optional<Frame> frame = reader_.next();
      if (!frame) return receive();
      timer_.cancel();
      judge(*frame);
    } catch (const Error& failure) {
      timer_.cancel();
      shared_->complain(peer_ + " was sent away from the join port: " + failure.what());
    }
  }

  void judge(const Frame& frame) {
    const size_t line = frame.payload.find('\n');
    const bool whole = frame.kind == FrameKind::join && line != std::string_view::npos;
    if (!whole || !same_secret(frame.payload.substr(0, line), shared_->secret)) {
      return shared_->complain(peer_ + " was sent away from the join port: a wrong secret");
    }
    name_ = frame.payload.substr(line + 1);
    if (!is_replica_name(name_)) return answer("a name is of letters, digits, '.', '_' and '-'");
    answer("");
  }

  // The welcome is small, and nothing was written before: it fits into the socket at once.
  void answer(const std::string& refusal) {
    error_code error;
    socket_.set_option(tcp::no_delay(true), error);
    socket_.non_blocking(true, error);
    asio::write(socket_, asio::buffer(encode_frame(FrameKind::welcome, 0, refusal)), error);
    if (error || !refusal.empty()) return;
    if (!shared_->join(ReplicaLink::Socket(std::move(socket_)), name_)) {
      shared_->complain(name_ + " finds no seat: too many replicas have joined");
    }
  }

  tcp::socket socket_;
  std::shared_ptr<Shared> shared_;
  asio::steady_timer timer_;
  FrameReader reader_;
  std::string peer_;
  std::string name_;
};

JoinDoor::JoinDoor(asio::io_context& context, const std::string& address, int port,
                   std::string secret, Join join, const Log& log)
    : shared_(std::make_shared<Shared>(Shared{std::move(secret), std::move(join), log})),
      acceptor_(context),
      pause_(context) {
  error_code error;
  const auto host = asio::ip::make_address(address == "localhost" ? "127.0.0.1" : address, error);
  const tcp::endpoint endpoint(host, static_cast<uint16_t>(port));
  if (!error) acceptor_.open(endpoint.protocol(), error);
  if (!error) ::fcntl(acceptor_.native_handle(), F_SETFD, FD_CLOEXEC);
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    throw unavailable_error("cannot listen for joining replicas on port " + std::to_string(port) +
                                " of " + address + ": " + error.message(),
                            "--serve.join_port", "choose another, or 0 for a free one");
  }
  accept();
}

int JoinDoor::port() const {
  return acceptor_.local_endpoint().port();
}

void JoinDoor::accept() {
  acceptor_.async_accept([this](const error_code& error, tcp::socket socket) {
    if (error == asio::error::operation_aborted) return;
    if (error) {
      pause_.expires_after(accept_pause);
      return pause_.async_wait([this](const error_code& stopped) {
        if (!stopped) accept();
      });
    }
    ::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
    if (shared_->handshakes < most_handshakes) {
      std::make_shared<Handshake>(std::move(socket), shared_)->begin();
    }
    accept();
  });
}

}  // namespace podium::serve
