#include "bench/load/channel.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "core/error.hpp"
#include "serve/http/tls.hpp"

namespace podium::bench {
namespace {

// Why there is no TLS with the server, in OpenSSL's words.
Error impossible(const SSL* tls) {
  const long verdict = SSL_get_verify_result(tls);
  if (verdict != X509_V_OK) {
    return unavailable_error(
        std::string("the server is not trusted: ") + X509_verify_cert_error_string(verdict), "TLS",
        "give its certificate, or that of who signed it, as --tls_ca");
  }
  const char* reason = ERR_reason_error_string(ERR_peek_error());
  return unavailable_error(
      std::string("no TLS with the server: ") + (reason == nullptr ? "it broke off" : reason),
      "TLS", "without --tls_ca requests are plain HTTP");
}

}  // namespace

Tls::Tls(std::string host, const serve::Credentials& credentials)
    : context_(serve::client_tls(credentials.trusted)),
      host_(std::move(host)),
      any_name_(credentials.any_name) {
  SSL_CTX_set_mode(context_.native_handle(),
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_options(context_.native_handle(), SSL_OP_IGNORE_UNEXPECTED_EOF);
}

void Tls::Free::operator()(SSL* tls) const {
  SSL_free(tls);
}

Tls::Session Tls::over(int socket) const {
  Session session(SSL_new(context_.native_handle()));
  if (!session || SSL_set_fd(session.get(), socket) != 1) {
    throw internal_error("OpenSSL gives no session", "bench serve");
  }
  SSL_set_connect_state(session.get());
  if (any_name_) return session;
  X509_VERIFY_PARAM* const rules = SSL_get0_param(session.get());
  if (X509_VERIFY_PARAM_set1_ip_asc(rules, host_.c_str()) == 1) return session;
  X509_VERIFY_PARAM_set1_host(rules, host_.c_str(), 0);
  SSL_set_tlsext_host_name(session.get(), host_.c_str());
  return session;
}

Channel::Channel(FileDescriptor socket, const Tls* tls) : socket_(std::move(socket)) {
  if (tls != nullptr) tls_ = tls->over(socket_.get());
}

ssize_t Channel::send(std::string_view bytes) {
  if (!tls_) return ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  ERR_clear_error();
  return told(SSL_write(tls_.get(), bytes.data(), static_cast<int>(bytes.size())), -1);
}

// TLS hands out a record at a time, and no event tells of those that it still holds.
ssize_t Channel::receive(std::span<char> space) {
  if (!tls_) return ::recv(socket_.get(), space.data(), space.size(), 0);
  size_t got = 0;
  while (got < space.size()) {
    ERR_clear_error();
    const int more = SSL_read(tls_.get(), space.data() + got, static_cast<int>(space.size() - got));
    if (more <= 0) return got > 0 ? static_cast<ssize_t>(got) : told(more, 0);
    got += static_cast<size_t>(more);
  }
  return static_cast<ssize_t>(got);
}

// `result` of an OpenSSL call as that of a system call, `at_end` where the server has ended.
ssize_t Channel::told(int result, int at_end) const {
  if (result > 0) return result;
  const int error = SSL_get_error(tls_.get(), result);
  if (error == SSL_ERROR_SSL && SSL_is_init_finished(tls_.get()) == 0) throw impossible(tls_.get());
  const bool waits = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
  errno = waits ? EAGAIN : ECONNRESET;
  return error == SSL_ERROR_ZERO_RETURN ? at_end : -1;
}

}  // namespace podium::bench
