// Options of the live view of a service.
#include "schema_lists.hpp"

namespace podium::schema {

using enum ValueKind;

std::vector<OptionSpec> top_options() {
  return {
      {"top.server", text, "",
       "HOST:PORT of the service; empty: serve.address and serve.port, for instance of the run "
       "folder that is named"},
      {"top.interval_ms", integer, "1000", "time between two pages, ms", {}, 20, 3600000},
      {"top.count", integer, "0", "pages to show; 0: until q or Ctrl-C", {}, 0, 1000000000},
      {"top.token_file", text, "",
       "file of the service's token; empty: serve.token in the run folder, where there is one"},
      {"top.tls_ca", text, "",
       "PEM file of certificates to trust, or system: the service has TLS; empty: as "
       "serve.tls_cert has it"},
  };
}

}  // namespace podium::schema
