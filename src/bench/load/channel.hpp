// Channel: the bytes of a connection under load, plain or inside TLS.
//
// Non-blocking, as the socket below it is. Used by one thread.
#pragma once

#include <sys/types.h>

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/file_descriptor.hpp"
#include "serve/client/credentials.hpp"

namespace podium::bench {

// What the connections of a load share: whom they trust. Any thread may use it.
class Tls {
 public:
  // Throws what serve::client_tls() throws.
  Tls(std::string host, const serve::Credentials& credentials);

  struct Free {
    void operator()(SSL* tls) const;
  };
  using Session = std::unique_ptr<SSL, Free>;
  // The client's side over a socket. The server's certificate must name the host, unless
  // `any_name` was said.
  Session over(int socket) const;

 private:
  mutable boost::asio::ssl::context context_;  // OpenSSL counts who uses it
  std::string host_;
  bool any_name_;
};

class Channel {
 public:
  // `tls` null: plain.
  Channel(FileDescriptor socket, const Tls* tls);

  int socket() const { return socket_.get(); }

  // As send(2) and recv(2): the bytes; 0 at the end of what is received; -1 and errno, EAGAIN where
  // it has to wait for an event of either kind. Throw unavailable_error when TLS with this server
  // is impossible.
  ssize_t send(std::string_view bytes);
  // Fewer bytes than there is room for are all that has arrived.
  ssize_t receive(std::span<char> space);

 private:
  ssize_t told(int result, int at_end) const;

  FileDescriptor socket_;
  Tls::Session tls_;  // null: plain
};

}  // namespace podium::bench
