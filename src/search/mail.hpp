// Mail: small JSON messages between the ranks of a search.
//
// Sending never blocks: the message is copied, and its transfer completes in the background.
// Threads: belongs to one thread.
#pragma once

#include <list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "comm/communicator.hpp"

namespace podium::search {

using Json = nlohmann::ordered_json;

class Mail {
 public:
  // `group` spans the ranks of the search, is used for nothing else, and must outlive the object.
  explicit Mail(comm::Communicator& group) : group_(group) {}

  int rank() const { return group_.rank(); }
  int ranks() const { return group_.size(); }

  void send(int to, const Json& message);

  struct Letter {
    int from = 0;
    Json message;
  };
  // The next one, if one has arrived.
  std::optional<Letter> take();

  // Waits until all that was sent has been taken, as long as the group's policy says.
  void flush();

 private:
  struct Pending {
    std::string text;
    comm::Request request;
  };

  comm::Communicator& group_;
  std::list<Pending> pending_;
};

}  // namespace podium::search
