// The prediction step: classify records of the cache, here or by a running service.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "io/loader/dataset.hpp"
#include "workflow/settings.hpp"

namespace podium::workflow {

struct PredictOptions {
  std::string server;  // host:port; empty: load the published model here
  io::Split split = io::Split::test;
  std::filesystem::path output;  // CSV; empty: none
  int threads = 1;
};

// Returns records, accuracy, images_per_s, and the model's name and version. Throws
// unavailable_error when no model is published or the server does not answer, io_error when the
// output cannot be written.
nlohmann::ordered_json predict(const Settings& settings, const PredictOptions& options,
                               const io::Dataset& dataset);

}  // namespace podium::workflow
