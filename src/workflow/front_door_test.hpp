// The job's own last test: every test image through the service's front door, over HTTP; and the
// first of them once more, from another rank over MPI, which must get the same probabilities.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "comm/communicator.hpp"
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
  std::vector<float> probabilities;  // [n,classes], of the images that are asked for twice
};

nlohmann::ordered_json to_json(const FrontDoorReport& report);

using MakeClient = std::function<serve::Client()>;

// Of the test split: all, or the first requests of it, which are asked for twice.
enum class Share { all, first };

// Sends `share` of the test split of `dataset` to `model` by `clients` clients, each of a thread of
// its own. Throws unavailable_error when a request is not answered.
FrontDoorReport test_front_door(const MakeClient& make_client, const std::string& model,
                                const io::Dataset& dataset, int clients, Share share);

// Over HTTP, at host:port; and over the ranks of a job, to rank `server`.
MakeClient clients_over_http(const std::string& address, const serve::Credentials& credentials);
MakeClient clients_over_ranks(comm::Communicator& group, int server);

// Between two answers for the same images; infinite where they are not of as many.
double largest_difference(std::span<const float> a, std::span<const float> b);

}  // namespace podium::workflow
