#include "serve/replica/replica_link.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <exception>
#include <utility>

namespace podium::serve {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr size_t frames_per_write = 16;
constexpr size_t max_reply_bytes = size_t{256} << 20;
constexpr size_t max_joined_reply_bytes = size_t{64} << 20;  // of a process that is not ours

}  // namespace

std::shared_ptr<ReplicaLink> ReplicaLink::start(asio::io_context& context,
                                                const ReplicaCommand& command, Events events) {
  WorkerProcess worker = WorkerProcess::start(replica_arguments(command));
  Socket socket(context, asio::generic::stream_protocol(AF_UNIX, 0),
                worker.take_socket().release());
  const std::shared_ptr<ReplicaLink> link(
      new ReplicaLink(std::move(socket), max_reply_bytes, std::move(events)));
  link->worker_ = std::move(worker);
  link->receive();
  return link;
}

std::shared_ptr<ReplicaLink> ReplicaLink::adopt(Socket socket, Events events) {
  const std::shared_ptr<ReplicaLink> link(
      new ReplicaLink(std::move(socket), max_joined_reply_bytes, std::move(events)));
  link->receive();
  return link;
}

ReplicaLink::ReplicaLink(Socket socket, size_t most_reply_bytes, Events events)
    : socket_(std::move(socket)), reader_(most_reply_bytes), events_(std::move(events)) {
  socket_.non_blocking(true);
}

void ReplicaLink::send(std::string head, std::shared_ptr<const std::string> body) {
  if (closed_) return;
  outgoing_.push_back({std::move(head), std::move(body)});
  if (std::exchange(writing_, true)) return;
  asio::post(socket_.get_executor(), [self = shared_from_this()] { self->write(); });
}

std::optional<WorkerProcess> ReplicaLink::close() {
  closed_ = true;
  error_code ignored;  // the descriptor is gone either way
  socket_.close(ignored);
  return std::exchange(worker_, std::nullopt);
}

void ReplicaLink::receive() {
  const std::span<char> space = reader_.space();
  socket_.async_read_some(asio::buffer(space.data(), space.size()),
                          [self = shared_from_this()](const error_code& error, size_t bytes) {
                            if (self->closed_) return;
                            if (error) return self->lose(error.message());
                            self->received(bytes);
                          });
}

void ReplicaLink::received(size_t bytes) {
  reader_.commit(bytes);
  try {
    while (!closed_) {
      const std::optional<Frame> frame = reader_.next();
      if (!frame) break;
      events_.received(*frame);
    }
  } catch (const std::exception& failure) {
    return lose(failure.what());
  }
  if (!closed_) receive();
}

// As much as the socket takes; the rest when it takes more.
void ReplicaLink::write() {
  while (!closed_ && !outgoing_.empty()) {
    gather();
    error_code error;
    drop(socket_.write_some(parts_, error));
    if (error == asio::error::would_block) {
      return socket_.async_wait(Socket::wait_write,
                                [self = shared_from_this()](const error_code&) { self->write(); });
    }
    if (error) return lose(error.message());
  }
  writing_ = false;
}

// What the next write sends: the first frames, without what was sent of them.
void ReplicaLink::gather() {
  parts_.clear();
  for (size_t i = 0; i < std::min(outgoing_.size(), frames_per_write); ++i) {
    const Outgoing& frame = outgoing_[i];
    parts_.push_back(asio::buffer(frame.head));
    if (frame.body) parts_.push_back(asio::buffer(*frame.body));
  }
  size_t sent = sent_bytes_;
  for (asio::const_buffer& part : parts_) {
    const size_t of_part = std::min(sent, part.size());
    part += of_part;
    sent -= of_part;
  }
}

void ReplicaLink::drop(size_t bytes) {
  sent_bytes_ += bytes;
  while (!outgoing_.empty() && sent_bytes_ >= outgoing_.front().bytes()) {
    sent_bytes_ -= outgoing_.front().bytes();
    outgoing_.pop_front();
  }
}

void ReplicaLink::lose(const std::string& why) {
  if (closed_) return;
  const auto lost = events_.lost;  // outlives this link, which its owner lets go of meanwhile
  lost(why);
}

}  // namespace podium::serve
