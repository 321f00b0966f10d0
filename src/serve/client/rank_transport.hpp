// RankTransport: requests to a serving rank of this job (rank_door.hpp), over a communicator.
//
// What HTTP has in headers goes beside the body: Inference-Header-Content-Length, Content-Encoding,
// Accept-Encoding, Podium-Priority and Podium-Timeout-Ms; others are not taken along. Used by one
// thread, the only one of its rank that uses the communicator.
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <string>

#include "comm/communicator.hpp"
#include "serve/client/transport.hpp"

namespace podium::serve {

class RankTransport final : public Transport {
 public:
  // To the service of rank `server` of `group`, each request answered within `timeout`.
  RankTransport(comm::Communicator& group, int server, std::chrono::milliseconds timeout);

  HttpReply exchange(std::string_view method, std::string_view target, std::string body,
                     std::span<const HttpHeader> headers) override;
  Error unavailable(const std::string& why) const override;

 private:
  struct Sent {
    std::string bytes;
    comm::Request request;
  };

  HttpReply await(uint64_t id);

  comm::Communicator& group_;
  const int server_;
  const std::chrono::milliseconds timeout_;
  uint64_t last_id_;
  std::list<Sent> sent_;  // until they have arrived; more than one only after a timeout
};

}  // namespace podium::serve
