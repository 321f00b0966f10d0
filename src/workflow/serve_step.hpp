// The serving step as a job of its own: a front door over the registry of a run folder.
#pragma once

#include <atomic>
#include <nlohmann/json_fwd.hpp>

#include "comm/communicator.hpp"
#include "core/log.hpp"
#include "serve/client/client.hpp"
#include "serve/service.hpp"
#include "workflow/settings.hpp"
#include "workflow/telling.hpp"

namespace podium::workflow {

// Service options of one serving rank: `index` counts the job's serving ranks, and each listens on
// a port of its own (serve.port, serve.port + 1, ...; 0 stays 0). All show the same token, whose
// file is made by the first.
serve::ServiceOptions service_options_of(const Settings& settings, int index);

// host:port of a service.
std::string address_of(const Settings& settings, const serve::Service& service);

// With http:// or https:// before `address`.
std::string url_of(const Settings& settings, const std::string& address);

// Says where the token is, or that there is none.
void tell_token(const Settings& settings, const Log& log);

// What the job's own requests to its service show.
serve::Credentials own_credentials(const Settings& settings);

nlohmann::ordered_json to_json(const serve::ServiceStats& stats);

// Does what a client has ordered by POST .../load, if one has: loads that version, or the newest,
// of those published.
void load_as_ordered(const Settings& settings, serve::Service& service,
                     const std::atomic<bool>& stop, const Log& log);

// Serves the registry's current version on every rank, or that of the checkpoint engine of another
// job (--engine.join), takes newer versions as they are published,
// and drains on SIGTERM, SIGINT, SIGUSR1 or at the end of --serve.linger (0 means forever here).
// Happenings of the services go to the metrics of `telling` or, on ranks where that writes nothing,
// to a log of their own of the same job; its board shows this rank's service.
// Returns this rank's counters. Throws unavailable_error when nothing is published.
nlohmann::ordered_json serve_from_registry(const Settings& settings, comm::Communicator& group,
                                           const Telling& telling);

}  // namespace podium::workflow
