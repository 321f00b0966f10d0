// InprocNetwork: stations and links between threads of one process, for tests. Messages are copied
// once, into memory of the receiver; each way keeps their order.
//
// Threads: a network may be used by any; a station and a link belong to one each. All of them keep
// what they share: they may go in any order.
#pragma once

#include <memory>
#include <string>

#include "ps/link.hpp"

namespace podium::ps {

class InprocNetwork {
 public:
  InprocNetwork();
  ~InprocNetwork();

  // A station under a name that no living one has, else usage_error.
  std::unique_ptr<Station> station(const std::string& address);
  // How workers come to stations; unavailable_error where there is none of that name.
  Connect connect() const;

 private:
  struct Hub;
  std::shared_ptr<Hub> hub_;
};

}  // namespace podium::ps
