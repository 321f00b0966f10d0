// RankDoor: requests to a service from the ranks of its job, over a communicator.
//
// They get what HTTP requests get (front_door.hpp), but that they show no token: the ranks of a job
// are one user's. Each rank is one client to the balancer and to versions on trial.
//   request  a message tagged rank_tags::request: one request frame (replica/frame.hpp), whose id
//            its rank chooses
//   reply    a message tagged rank_tags::reply, to that rank: one reply frame of the same id
//
// Threads: owns one, and that alone uses the communicator until end(). It looks for requests every
// 50 us, and the quieter it is the more seldom, down to every 2 ms; while some are under way it
// sleeps until one is answered, at most 0.2 ms.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include "comm/communicator.hpp"
#include "core/log.hpp"
#include "serve/service.hpp"

namespace podium::serve {

namespace rank_tags {
inline constexpr int request = 210;
inline constexpr int reply = 211;
}  // namespace rank_tags

class RankDoor {
 public:
  // Both must outlive the object.
  RankDoor(Service& service, comm::Communicator& group, const Log& log);
  // Ends without a word to those who wait; end() first.
  ~RankDoor();
  RankDoor(const RankDoor&) = delete;
  RankDoor& operator=(const RankDoor&) = delete;

  // Sends the answers that are ready, refuses what is still to be answered by 503, and waits until
  // all ranks have their answers. Call it after Service::drain() and before the end of MPI. Throws
  // internal_error for a rank that does not take its answer within the group's limit.
  void end();

 private:
  struct Outbox;
  struct Sent {
    std::string bytes;
    comm::Request request;
    int to = 0;
  };

  void run();
  void stop();
  bool take_request();
  void accept(const comm::Message& message);
  bool send_replies();
  void send(int rank, std::string bytes);

  Service& service_;
  comm::Communicator& group_;
  Log log_;
  std::shared_ptr<Outbox> outbox_;           // answers of the service, which may outlive this
  std::set<std::pair<int, uint64_t>> open_;  // rank and id of requests under way
  std::list<Sent> sent_;                     // replies that have yet to arrive
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

}  // namespace podium::serve
