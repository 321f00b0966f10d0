// What `bench serve` and `top` take from the configuration.
#pragma once

#include "bench/serve_bench.hpp"
#include "config.hpp"
#include "core/log.hpp"
#include "top/top.hpp"
#include "workflow/settings.hpp"

namespace podium {

// All but the models. Throws usage_error.
bench::ServeBenchOptions serve_bench_options(const Config& config,
                                             const workflow::Settings& settings, const Log& log);

// The server that --bench.server names, with what --bench.body and its neighbours say to send; else
// with images of the size that the server's model takes. Throws usage_error, unavailable_error when
// the server does not tell, io_error when a file cannot be read.
bench::LoadTarget load_target(const Config& config, const workflow::Settings& settings,
                              const bench::ServeBenchOptions& options);

// The service that --top.server names, or the one of this configuration. Throws usage_error.
top::TopOptions top_options(const Config& config, const workflow::Settings& settings);

}  // namespace podium
