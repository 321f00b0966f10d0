// TLS by certificate files, for the service and for clients of ours. Includes Asio and OpenSSL.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <string>

namespace podium::serve {

// TLS 1.2 and newer, with the certificate chain and the key of two PEM files. Throws usage_error
// for files that cannot be read or do not belong together.
boost::asio::ssl::context server_tls(const std::string& certificate, const std::string& key);

// For a client that trusts the certificates in the PEM file `trusted`, a service's own among them,
// or with an empty name those of the system. Throws usage_error.
boost::asio::ssl::context client_tls(const std::string& trusted);

}  // namespace podium::serve
