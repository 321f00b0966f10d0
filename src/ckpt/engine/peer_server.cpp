// The side of a checkpoint rank (peers.hpp).
#include <poll.h>
#include <sys/socket.h>

#include "ckpt/engine/peers.hpp"
#include "core/error.hpp"
#include "core/sockets.hpp"

namespace podium::ckpt::engine {
namespace {

using Milliseconds = std::chrono::milliseconds;

constexpr Milliseconds manners{1'000};     // for a newcomer to say what it wants
constexpr Milliseconds patience{120'000};  // for it to take a shard
constexpr size_t most_guests = 8;

FileDescriptor listen_on(const std::string& host) {
  bool found = false;
  FileDescriptor socket = listen_by_tcp(host, "0", &found);
  if (socket) return socket;
  throw unavailable_error("the checkpoint engine cannot listen there", host,
                          "give an address of this machine as --engine.address");
}

}  // namespace

PeerServer::PeerServer(const std::string& host, std::string secret)
    : secret_(std::move(secret)),
      listener_(listen_on(host)),
      address_(host + ":" + port_of(listener_)),
      thread_([this] { run(); }) {}

PeerServer::~PeerServer() {
  ending_ = true;
  ::shutdown(listener_.get(), SHUT_RDWR);  // wakes the thread
  thread_.join();
  for (Guest& guest : guests_) guest.thread.join();
}

void PeerServer::offer(std::shared_ptr<const Offer> offer) {
  const std::lock_guard lock(mutex_);
  offer_ = std::move(offer);
}

void PeerServer::run() {
  while (!ending_) {
    // With all seats taken, others wait in the queue: their knocking would wake the thread at once.
    const bool full = guests_.size() >= most_guests;
    pollfd entry{listener_.get(), static_cast<short>(full ? 0 : POLLIN), 0};
    ::poll(&entry, 1, 200);
    for (Guest& guest : guests_) {
      if (guest.done) guest.thread.join();
    }
    guests_.remove_if([](const Guest& guest) { return !guest.thread.joinable(); });
    if ((entry.revents & POLLIN) == 0) continue;
    FileDescriptor socket(
        ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket) continue;
    Guest& guest = guests_.emplace_back();
    guest.thread = std::thread(
        [this, &guest, channel = Channel(std::move(socket), most_first_message_bytes)]() mutable {
          serve(std::move(channel));
          guest.done = true;
        });
  }
}

void PeerServer::serve(Channel channel) const {
  const std::optional<Json> wish = channel.receive(manners);
  if (!wish) return;
  const std::string told = text_in(*wish, "secret");
  if (!is_secret(std::as_bytes(std::span(told)), secret_)) {
    channel.send({{"error", "the secret is wrong"}}, manners);
    return;
  }
  std::shared_ptr<const Offer> offer;
  {
    const std::lock_guard lock(mutex_);
    offer = offer_;
  }
  const std::string want = text_in(*wish, "want");
  if (!offer || want == "version") {
    channel.send({{"version", offer ? offer->metas.front().version : 0}}, manners);
    return;
  }
  Json answer = {{"version", offer->metas.front().version},
                 {"rank", offer->rank},
                 {"peers", offer->peers},
                 {"bucket_bytes", offer->bucket_bytes}};
  if (want == "metas") {
    for (const Metas& metas : offer->metas) answer["metas"].push_back(to_json(metas));
  }
  if (!channel.send(answer, patience) || want != "shard") return;
  channel.send_bytes(offer->shard->span(), patience);
}

}  // namespace podium::ckpt::engine
