// Credentials: what a client shows, and whom it trusts.
#pragma once

#include <filesystem>
#include <string>

namespace podium::serve {

struct Credentials {
  std::string token;      // empty: none
  bool tls = false;       // whether the connection is encrypted
  std::string trusted;    // PEM file of certificates; empty: those of the system
  bool any_name = false;  // the certificate need not name the host: `trusted` is the service's own
};

// As verbs are told them. The token is that of `token_file`, or if that is empty of the run
// folder's, where there is one. `tls_ca` is a PEM file or "system"; empty: plain HTTP. Throws what
// read_token() throws.
Credentials credentials_of(const std::filesystem::path& token_file,
                           const std::filesystem::path& run_token_file, const std::string& tls_ca);

}  // namespace podium::serve
