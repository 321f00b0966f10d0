#include "serve/client/credentials.hpp"

#include <system_error>

#include "serve/http/token.hpp"

namespace podium::serve {

Credentials credentials_of(const std::filesystem::path& token_file,
                           const std::filesystem::path& run_token_file, const std::string& tls_ca) {
  Credentials credentials;
  std::error_code ignored;  // then there is none
  if (!token_file.empty()) {
    credentials.token = read_token(token_file);
  } else if (std::filesystem::exists(run_token_file, ignored)) {
    credentials.token = read_token(run_token_file);
  }
  credentials.tls = !tls_ca.empty();
  if (tls_ca != "system") credentials.trusted = tls_ca;
  return credentials;
}

}  // namespace podium::serve
