#include "serve/replica/replica_link.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <exception>
#include <utility>
#include <vector>

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
    : socket_(std::move(socket)), reader_(most_reply_bytes), events_(std::move(events)) {}

void ReplicaLink::send(std::string head, std::shared_ptr<const std::string> body) {
  if (closed_) return;
  outgoing_.push_back({std::move(head), std::move(body)});
  if (writing_ == 0) write();
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

void ReplicaLink::write() {
  std::vector<asio::const_buffer> parts;
  writing_ = std::min(outgoing_.size(), frames_per_write);
  for (size_t i = 0; i < writing_; ++i) {
    const Outgoing& frame = outgoing_[i];
    parts.push_back(asio::buffer(frame.head));
    if (frame.body) parts.push_back(asio::buffer(*frame.body));
  }
  asio::async_write(socket_, parts, [self = shared_from_this()](const error_code& error, size_t) {
    if (self->closed_) return;
    if (error) return self->lose(error.message());
    const auto begin = self->outgoing_.begin();
    self->outgoing_.erase(begin, begin + static_cast<ptrdiff_t>(self->writing_));
    self->writing_ = 0;
    if (!self->outgoing_.empty()) self->write();
  });
}

void ReplicaLink::lose(const std::string& why) {
  if (closed_) return;
  const auto lost = events_.lost;  // outlives this link, which its owner lets go of meanwhile
  lost(why);
}

}  // namespace podium::serve
