#include "serve/http/tls.hpp"

#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "core/error.hpp"

namespace podium::serve {
namespace {

namespace ssl = boost::asio::ssl;
using boost::system::error_code;

ssl::context modern(ssl::context::method method) {
  ssl::context context(method);
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.native_handle(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  return context;
}

// OpenSSL does not tell a file that cannot be read from one that is no PEM file.
void check_readable(const std::string& path) {
  std::error_code ignored;  // then access() says why
  const bool folder = std::filesystem::is_directory(path, ignored);
  if (!folder && ::access(path.c_str(), R_OK) == 0) return;
  throw io_error("cannot read a file for TLS", path, folder ? EISDIR : errno);
}

void check(const error_code& error, const std::string& what, const std::string& path,
           const char* remedy) {
  if (error) throw usage_error(what + ": " + error.message(), path, remedy);
}

}  // namespace

ssl::context server_tls(const std::string& certificate, const std::string& key) {
  check_readable(certificate);
  check_readable(key);
  ssl::context context = modern(ssl::context::tls_server);
  error_code error;
  context.use_certificate_chain_file(certificate, error);
  check(error, "the certificate cannot be used", certificate,
        "give a PEM file, the service's own certificate first, as --serve.tls_cert");
  // Without it OpenSSL would ask at the terminal.
  context.set_password_callback([](size_t, ssl::context::password_purpose) { return ""; }, error);
  context.use_private_key_file(key, ssl::context::pem, error);
  check(error, "the key cannot be used", key,
        "give the PEM file of the certificate's key, without a pass phrase, as --serve.tls_key");
  if (SSL_CTX_check_private_key(context.native_handle()) != 1) {
    throw usage_error("the key does not belong to the certificate", key,
                      "give the key with which " + certificate + " was made");
  }
  return context;
}

ssl::context client_tls(const std::string& trusted) {
  ssl::context context = modern(ssl::context::tls_client);
  error_code error;
  if (trusted.empty()) {
    context.set_default_verify_paths(error);
  } else {
    check_readable(trusted);
    context.load_verify_file(trusted, error);
  }
  check(error, "the certificates to trust cannot be used", trusted, "give a PEM file");
  // A service's own certificate may be trusted without that of whoever signed it.
  X509_STORE_set_flags(SSL_CTX_get_cert_store(context.native_handle()), X509_V_FLAG_PARTIAL_CHAIN);
  context.set_verify_mode(ssl::verify_peer);
  return context;
}

}  // namespace podium::serve
