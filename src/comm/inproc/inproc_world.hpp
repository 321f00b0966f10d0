// Ranks as threads of one process: the communicator's backend for tests and for one-rank jobs.
//
// A send copies its bytes into the receiver's mailbox and is complete at once; a receive completes
// when a matching message lies there. Mailboxes are guarded by one mutex each.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "comm/communicator.hpp"

namespace podium::comm {

class InprocWorld {
 public:
  // REQUIRES: ranks >= 1.
  explicit InprocWorld(int ranks, std::string name = "inproc");
  ~InprocWorld();

  // The communicator of one rank, for use by one thread. The mailboxes live as long as any of the
  // world and its communicators.
  std::unique_ptr<Communicator> communicator(int rank);

 private:
  struct Mailboxes;
  std::string name_;
  std::shared_ptr<Mailboxes> mailboxes_;
};

}  // namespace podium::comm
