#include "learn/hub_wire.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace podium::learn {
namespace {

constexpr size_t size_bytes = sizeof(uint32_t);

bool again() {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

}  // namespace

HubWire::HubWire(FileDescriptor socket, size_t most_bytes)
    : socket_(std::move(socket)), most_bytes_(most_bytes), in_(size_bytes) {}

void HubWire::close(const std::string& why) {
  if (!socket_) return;
  why_ = why;
  ::shutdown(socket_.get(), SHUT_RDWR);
  socket_.reset();
}

void HubWire::send(Json head, Bytes bytes) {
  if (!open()) return;
  if (bytes) head["bytes"] = bytes->size();
  const std::string text = head.dump(-1, ' ', false, Json::error_handler_t::replace);
  const auto size = static_cast<uint32_t>(text.size());
  auto message = std::make_shared<std::vector<std::byte>>(size_bytes + text.size());
  std::memcpy(message->data(), &size, size_bytes);
  std::memcpy(message->data() + size_bytes, text.data(), text.size());
  unsent_.push_back({std::move(message)});
  if (bytes && !bytes->empty()) unsent_.push_back({std::move(bytes)});
  flush();
}

void HubWire::flush() {
  while (open() && !unsent_.empty()) {
    Piece& piece = unsent_.front();
    const ssize_t sent = ::send(socket_.get(), piece.bytes->data() + piece.gone,
                                piece.bytes->size() - piece.gone, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && again()) return;
    if (sent < 0) return close("it has gone");
    piece.gone += static_cast<size_t>(sent);
    if (piece.gone == piece.bytes->size()) unsent_.pop_front();
  }
}

// Whether the part that comes next is all here.
bool HubWire::fill() {
  while (open() && have_ < in_.size()) {
    const ssize_t got = ::recv(socket_.get(), in_.data() + have_, in_.size() - have_, MSG_DONTWAIT);
    if (got < 0 && again()) return false;
    if (got <= 0) close("it has gone");
    if (got > 0) have_ += static_cast<size_t>(got);
  }
  return open();
}

// Makes ready for what follows the head that is here.
bool HubWire::read_head() {
  const char* text = reinterpret_cast<const char*>(in_.data());
  message_ = {Json::parse(text, text + in_.size(), nullptr, false), {}};
  if (!message_.head.is_object()) {
    close("it said what is no message");
    return false;
  }
  size_t bytes = 0;
  if (const auto found = message_.head.find("bytes"); found != message_.head.end()) {
    if (!found->is_number_unsigned() || found->get<uint64_t>() > most_bytes_) {
      close("it announced more than it may send");
      return false;
    }
    bytes = found->get<size_t>();
  }
  in_.assign(bytes, {});
  return true;
}

std::optional<HubWire::Message> HubWire::receive() {
  while (fill()) {
    have_ = 0;
    if (part_ == Part::size) {
      uint32_t size = 0;
      std::memcpy(&size, in_.data(), size_bytes);
      if (size > most_bytes_) {
        close("it announced more than it may send");
        return {};
      }
      in_.assign(size, {});
      part_ = Part::head;
    } else if (part_ == Part::head) {
      if (!read_head()) return {};
      part_ = Part::bytes;
    } else {
      message_.bytes = std::move(in_);
      in_.assign(size_bytes, {});
      part_ = Part::size;
      return std::move(message_);
    }
  }
  return {};
}

}  // namespace podium::learn
