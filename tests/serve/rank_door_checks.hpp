// What every rank of a job gets from a service over a communicator, whatever that is made of.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "comm/communicator.hpp"
#include "region_predictor.hpp"
#include "serve/client/client.hpp"
#include "serve/client/rank_transport.hpp"

namespace podium::serve::test {

inline Client client_over(comm::Communicator& group, int server,
                          std::chrono::milliseconds timeout = std::chrono::seconds(20)) {
  return Client(std::make_unique<RankTransport>(group, server, timeout));
}

// Asks rank `server`, which serves "shift 0" as version 1, for images of all sizes of requests.
inline void check_answers(comm::Communicator& group, int server) {
  Client client = client_over(group, server);
  for (int n : {1, 2, 16, 40, 400}) {
    std::vector<uint8_t> images;
    std::vector<int64_t> bands;
    for (int i = 0; i < n; ++i) {
      bands.push_back((i + group.rank()) % classes);
      const std::vector<uint8_t> image = image_of_band(static_cast<int>(bands.back()));
      images.insert(images.end(), image.begin(), image.end());
    }
    const InferReply reply = client.infer({"bands", images, n, height, width, 1});
    EXPECT_EQ(reply.classes, bands);
    EXPECT_EQ(reply.probabilities.size(), bands.size() * classes);
    EXPECT_EQ(reply.model_version, "1");
  }
}

// Every call and status that HTTP has.
inline void check_calls(comm::Communicator& group, int server) {
  Client client = client_over(group, server);
  const auto status = [&](const char* method, const std::string& target,
                          const std::string& body = "",
                          const std::vector<HttpHeader>& headers = {}) {
    return client.request(method, target, body, headers).status;
  };
  EXPECT_EQ(status("GET", "/v2/health/ready"), 200);
  const HttpReply metadata = client.request("GET", "/v2/models/bands");
  EXPECT_EQ(nlohmann::json::parse(metadata.body).at("inputs")[0].at("name"), "image");
  EXPECT_EQ(status("GET", "/v2/models/other"), 404);
  EXPECT_EQ(status("DELETE", "/v2"), 405);
  EXPECT_EQ(status("POST", "/v2/models/bands/infer", "{"), 400);
  EXPECT_EQ(status("POST", "/v2/models/bands/infer", "xyz", {{"Content-Encoding", "br"}}), 415);
  EXPECT_EQ(status("POST", "/v2/models/bands/infer", "xyz", {{"Podium-Priority", "x"}}), 400);
  EXPECT_EQ(status("POST", "/v2/models/bands/infer", std::string(3 * image_bytes, 'x'),
                   {{"Inference-Header-Content-Length", "0"}, {"Podium-Priority", "1"}}),
            200);
}

}  // namespace podium::serve::test
