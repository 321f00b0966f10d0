// The job's own last test: every test image through the service's front door.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "io/loader/dataset.hpp"
#include "serve/client/client.hpp"

namespace podium::workflow {

struct FrontDoorReport {
  int64_t requests = 0;
  int64_t images = 0;
  double accuracy = 0;  // in [0,1]
  double seconds = 0;
  double images_per_s = 0;
  double p50_ms = 0;  // of a request of `images_per_request` images
  double p99_ms = 0;
  int images_per_request = 0;
};

nlohmann::ordered_json to_json(const FrontDoorReport& report);

// Sends the test split of `dataset` to `model` at `address` (host:port) over `clients` connections.
// Throws unavailable_error when a request is not answered.
FrontDoorReport test_front_door(const std::string& address, const std::string& model,
                                const io::Dataset& dataset, int clients,
                                const serve::Credentials& credentials);

}  // namespace podium::workflow
