// The side of a checkpoint rank (peers.hpp).
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "ckpt/engine/peers.hpp"
#include "core/error.hpp"
#include "core/hash.hpp"

namespace podium::ckpt::engine {
namespace {

using Milliseconds = std::chrono::milliseconds;

constexpr Milliseconds manners{1'000};     // for a newcomer to say what it wants
constexpr Milliseconds patience{120'000};  // for it to take a shard
constexpr size_t most_guests = 8;

FileDescriptor listen_on(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* list = nullptr;
  if (::getaddrinfo(host.c_str(), "0", &hints, &list) != 0) list = nullptr;
  FileDescriptor socket;
  for (const addrinfo* entry = list; entry != nullptr && !socket; entry = entry->ai_next) {
    socket.reset(::socket(entry->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const bool good = socket && ::bind(socket.get(), entry->ai_addr, entry->ai_addrlen) == 0 &&
                      ::listen(socket.get(), 64) == 0;
    if (!good) socket.reset();
  }
  if (list != nullptr) ::freeaddrinfo(list);
  if (!socket) {
    throw unavailable_error("the checkpoint engine cannot listen there", host,
                            "give an address of this machine as --engine.address");
  }
  return socket;
}

int port_of(const FileDescriptor& socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  std::array<char, 16> port{};
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      ::getnameinfo(reinterpret_cast<sockaddr*>(&address), size, nullptr, 0, port.data(),
                    port.size(), NI_NUMERICSERV) != 0) {
    throw io_error("cannot tell the port of a socket", "checkpoint engine", errno);
  }
  return std::stoi(port.data());
}

// In a time that does not tell where they differ.
bool is_secret(const std::string& given, const std::string& secret) {
  unsigned difference = given.size() == secret.size() ? 0 : 1;
  for (size_t i = 0; i < secret.size(); ++i) {
    difference |= static_cast<unsigned char>(secret[i]) ^
                  static_cast<unsigned char>(i < given.size() ? given[i] : '\0');
  }
  return difference == 0;
}

}  // namespace

std::string make_secret() {
  std::array<uint64_t, 2> bits{};
  if (::getrandom(bits.data(), sizeof bits, 0) != static_cast<ssize_t>(sizeof bits)) {
    throw io_error("no random bits", "getrandom", errno);
  }
  return to_hex(bits[0]) + to_hex(bits[1]);
}

PeerServer::PeerServer(const std::string& host, std::string secret)
    : secret_(std::move(secret)),
      listener_(listen_on(host)),
      address_(host + ":" + std::to_string(port_of(listener_))),
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
  if (!is_secret(text_in(*wish, "secret"), secret_)) {
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
