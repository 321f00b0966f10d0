// Route: which call a method and target mean. Pure.
//
// The paths are those of the Open Inference Protocol v2 (KServe) with Triton's extensions of
// configuration, statistics and repository, and /predict. A model name is a key to compare, never a
// path of the file system; as in Triton, no model can be named "stats".
#pragma once

#include <string>
#include <string_view>

#include "serve/protocol/message.hpp"

namespace podium::serve {

struct Route {
  enum class Call {
    server_metadata,  // GET  /v2
    live,             // GET  /v2/health/live
    ready,            // GET  /v2/health/ready
    model_metadata,   // GET  /v2/models/M[/versions/V]
    model_ready,      // GET  /v2/models/M[/versions/V]/ready
    infer,            // POST /v2/models/M[/versions/V]/infer
    predict,          // POST /predict
    feedback,         // POST /feedback
    model_config,     // GET  /v2/models/M[/versions/V]/config
    model_stats,      // GET  /v2/models/M[/versions/V]/stats, or /v2/models/stats
    index,            // POST /v2/repository/index
    load,             // POST /v2/repository/models/M/load
    unload,           // POST /v2/repository/models/M/unload
    metrics,          // GET  /metrics
    service_stats,    // GET  /v2/stats
  };
  Call call{};
  std::string_view model;  // empty for calls that name none
  int version = 0;         // 0: any
};

// A view into `target`, whose query part is ignored. Throws RequestError: 404 for an unknown path,
// 405 for a known one with another method.
Route parse_route(Method method, std::string_view target);

}  // namespace podium::serve
