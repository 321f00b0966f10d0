#include "ps/inproc/inproc_network.hpp"

#include <condition_variable>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "core/error.hpp"

namespace podium::ps {
namespace {

using Peer = Station::Peer;

// What came for one station or link: messages, and the news that a peer has gone.
class Mailbox {
 public:
  struct Letter {
    Peer from = 0;
    std::vector<std::byte> bytes;  // none: the peer has gone
  };

  void put(Letter letter) {
    const std::lock_guard lock(mutex_);
    letters_.push_back(std::move(letter));
    arrived_.notify_one();
  }

  std::optional<Letter> take(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    if (letters_.empty() && patience.count() > 0) {
      arrived_.wait_for(lock, patience, [&] { return !letters_.empty(); });
    }
    if (letters_.empty()) return std::nullopt;
    Letter letter = std::move(letters_.front());
    letters_.pop_front();
    return letter;
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Letter> letters_;
};

// The other side of a connection: its mailbox, and what it calls this side.
struct End {
  std::shared_ptr<Mailbox> mailbox;
  Peer me = 0;
};

void post(const End& to, const Outgoing& message) {
  to.mailbox->put({to.me, encode(message)});
}

class InprocLink : public Link {
 public:
  InprocLink(std::shared_ptr<Mailbox> mailbox, End server)
      : mailbox_(std::move(mailbox)), server_(std::move(server)) {}
  ~InprocLink() override { server_.mailbox->put({server_.me, {}}); }

  void send(const Outgoing& message) override {
    if (open_) post(server_, message);
  }

  std::optional<Incoming> receive(std::chrono::milliseconds patience) override {
    auto letter = open_ ? mailbox_->take(patience) : std::nullopt;
    if (!letter) return std::nullopt;
    if (letter->bytes.empty()) {
      open_ = false;
      return std::nullopt;
    }
    bytes_ = std::move(letter->bytes);
    Incoming message = decode(bytes_);
    const std::span<std::byte> place = place_ ? place_(message.header) : std::span<std::byte>();
    if (!place.empty()) {
      std::memcpy(place.data(), message.payload.data(), place.size());
      message.payload = place;
    }
    return message;
  }

  bool open() const override { return open_; }
  void set_place(Place place) override { place_ = std::move(place); }

 private:
  std::shared_ptr<Mailbox> mailbox_;
  End server_;
  bool open_ = true;
  Place place_;
  std::vector<std::byte> bytes_;
};

// A station as others reach it.
struct Door {
  std::mutex mutex;
  std::shared_ptr<Mailbox> mailbox = std::make_shared<Mailbox>();
  std::map<Peer, End> peers;
  Peer next = 1;
  bool open = true;
};

// A peer of `door` from now on, known there as the number returned; 0: it has closed.
Peer admit(Door& door, const std::shared_ptr<Mailbox>& mailbox, Peer known_there_as) {
  const std::lock_guard lock(door.mutex);
  if (!door.open) return 0;
  const Peer peer = door.next++;
  door.peers[peer] = {mailbox, known_there_as};
  return peer;
}

Error nobody_at(const std::string& address) {
  return unavailable_error("no station is called '" + address + "'", "threads of this process",
                           "start it first");
}

}  // namespace

struct InprocNetwork::Hub {
  std::mutex mutex;
  std::map<std::string, std::weak_ptr<Door>> doors;

  std::shared_ptr<Door> find(const std::string& address) {
    const std::lock_guard lock(mutex);
    const auto door = doors.find(address);
    return door == doors.end() ? nullptr : door->second.lock();
  }
};

namespace {

template <typename Hub>
class InprocStation : public Station {
 public:
  InprocStation(std::shared_ptr<Hub> hub, std::string address, std::shared_ptr<Door> door)
      : hub_(std::move(hub)), address_(std::move(address)), door_(std::move(door)) {}

  ~InprocStation() override {
    const std::lock_guard lock(door_->mutex);
    door_->open = false;
    for (const auto& [peer, end] : door_->peers) end.mailbox->put({end.me, {}});
  }

  void run(std::chrono::milliseconds patience, const Events& events) override {
    auto letter = door_->mailbox->take(patience);
    for (; letter; letter = door_->mailbox->take(std::chrono::milliseconds(0))) {
      if (!knows(letter->from)) continue;
      if (letter->bytes.empty()) {
        forget(letter->from);
        events.lost(letter->from);
      } else {
        events.received(letter->from, decode(letter->bytes));
      }
    }
  }

  void send(Peer to, const Outgoing& message) override {
    if (const auto end = end_of(to)) post(*end, message);
  }

  Peer connect(const std::string& address, std::chrono::milliseconds) override {
    const std::shared_ptr<Door> other = hub_->find(address);
    if (other == nullptr) throw nobody_at(address);
    const Peer mine = admit(*door_, other->mailbox, 0);
    const Peer theirs = admit(*other, door_->mailbox, mine);
    const std::lock_guard lock(door_->mutex);
    if (theirs == 0) {
      door_->peers.erase(mine);
      throw nobody_at(address);
    }
    door_->peers[mine].me = theirs;
    return mine;
  }

  void drop(Peer peer) override {
    if (const auto end = end_of(peer)) end->mailbox->put({end->me, {}});
    forget(peer);
  }

  std::string address() const override { return address_; }

 private:
  bool knows(Peer peer) {
    const std::lock_guard lock(door_->mutex);
    return door_->peers.contains(peer);
  }
  void forget(Peer peer) {
    const std::lock_guard lock(door_->mutex);
    door_->peers.erase(peer);
  }
  std::optional<End> end_of(Peer peer) {
    const std::lock_guard lock(door_->mutex);
    const auto end = door_->peers.find(peer);
    return end == door_->peers.end() ? std::nullopt : std::optional(end->second);
  }

  std::shared_ptr<Hub> hub_;
  std::string address_;
  std::shared_ptr<Door> door_;
};

}  // namespace

InprocNetwork::InprocNetwork() : hub_(std::make_shared<Hub>()) {}
InprocNetwork::~InprocNetwork() = default;

std::unique_ptr<Station> InprocNetwork::station(const std::string& address) {
  if (hub_->find(address) != nullptr) {
    throw usage_error("there is a station '" + address + "' already", "threads of this process",
                      "give it another name");
  }
  auto door = std::make_shared<Door>();
  const std::lock_guard lock(hub_->mutex);
  hub_->doors[address] = door;
  return std::make_unique<InprocStation<Hub>>(hub_, address, door);
}

Connect InprocNetwork::connect() const {
  return [hub = hub_](const std::string& address, std::chrono::milliseconds) {
    const std::shared_ptr<Door> door = hub->find(address);
    auto mailbox = std::make_shared<Mailbox>();
    const Peer me = door == nullptr ? 0 : admit(*door, mailbox, 0);
    if (me == 0) throw nobody_at(address);
    return std::unique_ptr<Link>(std::make_unique<InprocLink>(mailbox, End{door->mailbox, me}));
  };
}

}  // namespace podium::ps
