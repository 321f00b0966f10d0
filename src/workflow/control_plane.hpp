// ControlPlane: orders and events between the roles of one job, as small JSON messages.
//
// Each rank has one mailbox per role and one for the conductor. Sending never blocks: the message
// is copied and its transfer completes in the background. Thread-safe: every role of a rank uses
// the rank's one ControlPlane from its own thread; a mailbox has one reader.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "comm/communicator.hpp"
#include "core/roles.hpp"

namespace podium::workflow {

using Json = nlohmann::ordered_json;

// Who reads a message on its rank.
enum class Mailbox { ingest, train, ckpt, serve, conductor };
Mailbox mailbox_of(Role role);

class ControlPlane {
 public:
  // `group` spans all ranks, is used for nothing else, and must outlive the object.
  explicit ControlPlane(comm::Communicator& group) : group_(group) {}

  int rank() const { return group_.rank(); }

  void send(int to, Mailbox mailbox, const Json& message);

  // The next message, if there is one.
  std::optional<Json> try_receive(Mailbox mailbox);

  // Sleeps until a message comes. A rank's death ends the whole job, so an idle role needs no limit
  // of its own.
  Json receive(Mailbox mailbox);

  // Waits until all that was sent has been taken. Call before the end of MPI.
  void flush();

 private:
  struct Pending {
    std::string text;
    comm::Request request;
  };
  void drop_completed();  // REQUIRES: mutex_ is held

  comm::Communicator& group_;
  std::mutex mutex_;  // guards pending_
  std::list<Pending> pending_;
};

}  // namespace podium::workflow
