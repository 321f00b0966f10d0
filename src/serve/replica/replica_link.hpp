// ReplicaLink: one replica and the service's end of its socket, without blocking.
//
// A link lives from the start of a process, or from the joining of one that another job started, to
// its end; a restarted replica gets a new link. Frames are written when the service's thread has
// dealt with the events at hand, those of several requests by one call: so a replica is woken once
// for all of them. Lives on the service's thread. Part of the service; includes Asio.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/worker_process.hpp"
#include "serve/replica/frame.hpp"
#include "serve/replica/replica.hpp"

namespace podium::serve {

class ReplicaLink : public std::enable_shared_from_this<ReplicaLink> {
 public:
  using Socket = boost::asio::generic::stream_protocol::socket;

  struct Events {
    std::function<void(const Frame&)> received;
    std::function<void(const std::string& why)> lost;  // once, unless closed before
  };

  // Starts a process. Throws io_error.
  static std::shared_ptr<ReplicaLink> start(boost::asio::io_context& context,
                                            const ReplicaCommand& command, Events events);

  // Takes the socket to a replica of another job.
  static std::shared_ptr<ReplicaLink> adopt(Socket socket, Events events);

  // Queues a frame: `head` with its header, then `body`, which is not copied.
  void send(std::string head, std::shared_ptr<const std::string> body = nullptr);

  // Closes the socket, which ends the process; no event follows. The caller reaps the process, if
  // it is one of this job.
  std::optional<WorkerProcess> close();

  pid_t pid() const { return worker_ ? worker_->pid() : -1; }

 private:
  struct Outgoing {
    std::string head;
    std::shared_ptr<const std::string> body;

    size_t bytes() const { return head.size() + (body ? body->size() : 0); }
  };

  ReplicaLink(Socket socket, size_t most_reply_bytes, Events events);

  void receive();
  void received(size_t bytes);
  void write();
  void gather();
  void drop(size_t bytes);
  void lose(const std::string& why);

  Socket socket_;
  std::optional<WorkerProcess> worker_;
  FrameReader reader_;
  Events events_;
  std::deque<Outgoing> outgoing_;
  size_t sent_bytes_ = 0;                         // of the first of them
  std::vector<boost::asio::const_buffer> parts_;  // of a write, kept for its memory
  bool writing_ = false;                          // a write is due
  bool closed_ = false;
};

}  // namespace podium::serve
