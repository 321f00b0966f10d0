#include "serve/replica/joiner.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <exception>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "serve/replica/frame.hpp"
#include "serve/replica/replica.hpp"

namespace podium::serve {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using namespace std::chrono_literals;

constexpr auto first_pause = 100ms;
constexpr auto longest_pause = 5s;
constexpr auto handshake_limit = 5s;
constexpr auto long_enough = 10s;  // joined for so long, the next pause is the first again
constexpr size_t piece_bytes = size_t{256} << 10;
constexpr size_t most_welcome_bytes = 4096;

using Socket = asio::generic::stream_protocol::socket;

// What the seats of a joiner share.
struct Common {
  asio::io_context& context;
  const ServiceOptions& options;
  const Joiner::FindAddress& find;
  const Log& log;
  std::atomic<int>& joined;
  std::atomic<bool>& has_joined;
};

// One replica's place: a process, a connection, and the bytes between.
class JoinedSeat : public std::enable_shared_from_this<JoinedSeat> {
 public:
  JoinedSeat(const Common& common, std::string name)
      : common_(common),
        name_(std::move(name)),
        resolver_(common.context),
        service_(common.context),
        replica_(common.context),
        timer_(common.context),
        pause_(first_pause) {}

  // Called again after each end.
  void begin() {
    try {
      address_ = common_.find();
    } catch (const std::exception& failure) {
      return end(failure.what());
    }
    limit_time();
    resolver_.async_resolve(
        address_.host, std::to_string(address_.port),
        [self = shared_from_this(), life = life_](const error_code& error, auto found) {
          if (life != self->life_) return;
          if (error) return self->end("its host is not known: " + error.message());
          self->connect(found);
        });
  }

 private:
  void limit_time() {
    timer_.expires_after(handshake_limit);
    timer_.async_wait([self = shared_from_this(), life = life_](const error_code& error) {
      if (!error && life == self->life_) self->end("it does not answer");
    });
  }

  void connect(const tcp::resolver::results_type& found) {
    asio::async_connect(
        service_, found,
        [self = shared_from_this(), life = life_](const error_code& error, const auto&) {
          if (life != self->life_) return;
          if (error) return self->end("cannot connect: " + error.message());
          self->introduce();
        });
  }

  void introduce() {
    ::fcntl(service_.native_handle(), F_SETFD, FD_CLOEXEC);
    error_code ignored;  // a slower connection is no failure
    service_.set_option(tcp::no_delay(true), ignored);
    greeting_ = encode_frame(FrameKind::join, 0, address_.secret + "\n" + name_);
    asio::async_write(service_, asio::buffer(greeting_),
                      [self = shared_from_this(), life = life_](const error_code& error, size_t) {
                        if (life != self->life_) return;
                        if (error) return self->end("cannot send: " + error.message());
                        self->await_welcome();
                      });
  }

  // Exactly the frame and nothing behind it, which is the replica's.
  void await_welcome() {
    header_.resize(frame_header_bytes);
    asio::async_read(service_, asio::buffer(header_),
                     [self = shared_from_this(), life = life_](const error_code& error, size_t) {
                       if (life != self->life_) return;
                       if (error) return self->end("sent away; is the secret right?");
                       self->read_welcome();
                     });
  }

  void read_welcome() {
    FrameReader reader(most_welcome_bytes);
    const std::span<char> space = reader.space();
    std::ranges::copy(header_, space.begin());
    reader.commit(header_.size());
    try {
      const std::optional<Frame> frame = reader.next();
      if (frame && frame->kind == FrameKind::welcome) return launch();
      end("it gives no seat to " + name_);
    } catch (const Error& failure) {
      end(failure.what());
    }
  }

  void launch() {
    timer_.cancel();
    try {
      worker_.emplace(
          WorkerProcess::start(replica_arguments(replica_command(common_.options, name_))));
      replica_.assign(asio::generic::stream_protocol(AF_UNIX, 0), worker_->take_socket().release());
    } catch (const std::exception& failure) {
      return end(failure.what());
    }
    ++common_.joined;
    common_.has_joined = true;
    since_.restart();
    common_.log.info(name_ + " has joined the service at " + address_.host + ":" +
                     std::to_string(address_.port));
    pump(service_, replica_, down_, "the service closed the connection");
    pump(replica_, service_, up_, "the replica is gone");
  }

  // Carries what comes from one side to the other, a piece at a time.
  template <typename From, typename To>
  void pump(From& from, To& to, std::vector<char>& piece, const char* at_end) {
    piece.resize(piece_bytes);
    from.async_read_some(asio::buffer(piece), [self = shared_from_this(), life = life_, &from, &to,
                                               &piece,
                                               at_end](const error_code& error, size_t bytes) {
      if (life != self->life_) return;
      if (error) return self->end(at_end);
      asio::async_write(to, asio::buffer(piece.data(), bytes),
                        [self, life, &from, &to, &piece, at_end](const error_code& failed, size_t) {
                          if (life != self->life_) return;
                          if (failed) return self->end(at_end);
                          self->pump(from, to, piece, at_end);
                        });
    });
  }

  void end(const std::string& why) {
    ++life_;
    timer_.cancel();
    resolver_.cancel();
    error_code ignored;  // closing leaves nothing to repair
    service_.close(ignored);
    replica_.close(ignored);
    if (worker_) --common_.joined;
    if (worker_) worker_->end(0ms);
    if (worker_ && since_.seconds() > std::chrono::duration<double>(long_enough).count()) {
      pause_ = first_pause;
    }
    worker_.reset();
    if (std::exchange(told_, why) != why) common_.log.warning(name_ + ": " + why);
    timer_.expires_after(pause_);
    pause_ = std::min<std::chrono::milliseconds>(2 * pause_, longest_pause);
    timer_.async_wait([self = shared_from_this(), life = life_](const error_code& error) {
      if (!error && life == self->life_) self->begin();
    });
  }

  const Common common_;
  const std::string name_;
  JoinAddress address_;
  tcp::resolver resolver_;
  tcp::socket service_;
  Socket replica_;
  std::optional<WorkerProcess> worker_;
  asio::steady_timer timer_;
  std::chrono::milliseconds pause_;
  std::string greeting_;
  std::vector<char> header_;
  std::vector<char> down_;  // on their way from the service to the replica
  std::vector<char> up_;
  Stopwatch since_;
  std::string told_;   // the last reason for an end
  uint64_t life_ = 0;  // events of an earlier one mean nothing
};

}  // namespace

class Joiner::Implementation {
 public:
  Implementation(const ServiceOptions& options, FindAddress find, const Log& log)
      : options_(options),
        find_(std::move(find)),
        log_(log),
        working_(asio::make_work_guard(context_)) {
    for (int i = 0; i < options_.replicas; ++i) {
      std::make_shared<JoinedSeat>(Common{context_, options_, find_, log_, joined_, has_joined_},
                                   options_.replica_prefix + std::to_string(i))
          ->begin();
    }
    thread_ = std::thread([this] { run(); });
  }
  ~Implementation() {
    context_.stop();
    thread_.join();
  }

  int joined() const { return joined_; }
  bool has_joined() const { return has_joined_; }

 private:
  void run() {
    while (true) {
      try {
        context_.run();
        return;
      } catch (const std::exception& failure) {
        log_.error(std::string("joined replicas go on after a failure: ") + failure.what());
      }
    }
  }

  const ServiceOptions options_;
  const FindAddress find_;
  const Log log_;
  std::atomic<int> joined_{0};
  std::atomic<bool> has_joined_{false};
  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> working_;
  std::thread thread_;
};

Joiner::Joiner(const ServiceOptions& options, FindAddress find, const Log& log)
    : implementation_(std::make_unique<Implementation>(options, std::move(find), log)) {}

Joiner::~Joiner() = default;

int Joiner::joined() const {
  return implementation_->joined();
}
bool Joiner::has_joined() const {
  return implementation_->has_joined();
}

}  // namespace podium::serve
