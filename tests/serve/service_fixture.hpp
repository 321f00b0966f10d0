// ServiceTest: a running service with the model of region_predictor.hpp, and what its tests share.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "core/clock.hpp"
#include "raw_connection.hpp"
#include "region_predictor.hpp"
#include "request_text.hpp"
#include "serve/client/client.hpp"
#include "serve/service.hpp"
#include "temporary_folder.hpp"

namespace podium::serve::test {

using Json = nlohmann::json;
using namespace std::chrono_literals;

class ServiceTest : public testing::Test {
 protected:
  static ServiceOptions options() {
    ServiceOptions options;
    options.model_name = "bands";
    return options;
  }

  void start(const ServiceOptions& options) {
    service_ = std::make_unique<Service>(options, Log(LogLevel::error, "test"));
  }

  // A service that serves `model` as version 1.
  void start_serving(const ServiceOptions& options, const std::string& model = "shift 0") {
    start(options);
    const DeployResult result = deploy(1, model);
    ASSERT_TRUE(result.deployed) << result.error;
  }

  std::string model_file(const std::string& content) {
    const auto path = folder_.path() / ("model-" + std::to_string(files_++));
    std::ofstream(path) << content << "\n";
    return path.string();
  }

  DeployResult deploy(int version, const std::string& model) {
    return service_->deploy(model_file(model), version, 20s);
  }

  Client client(std::chrono::milliseconds timeout = 20s) const {
    return Client("127.0.0.1", service_->port(), timeout);
  }

  static HttpReply get(Client& client, const std::string& target) {
    return client.request("GET", target);
  }

  static InferReply infer(Client& client, const std::vector<uint8_t>& images) {
    const int n = static_cast<int>(images.size() / image_bytes);
    return client.infer({"bands", images, n, height, width, 1});
  }

  // Waits until `condition` holds, 20 s at most.
  static bool eventually(const std::function<bool()>& condition) {
    const Deadline deadline(20s);
    while (!condition()) {
      if (deadline.expired()) return false;
      std::this_thread::sleep_for(5ms);
    }
    return true;
  }

  // Connections that had an answer each and stay open.
  std::vector<std::unique_ptr<RawConnection>> kept_connections(int count) const {
    std::vector<std::unique_ptr<RawConnection>> kept;
    for (int i = 0; i < count; ++i) {
      kept.push_back(std::make_unique<RawConnection>(service_->port()));
      kept.back()->send("GET /v2 HTTP/1.1\r\n\r\n");
      kept.back()->read_until("podium");
    }
    return kept;
  }

  bool all_ready() const {
    for (const ReplicaStats& replica : service_->stats().replicas) {
      if (replica.state != ReplicaStats::State::ready) return false;
    }
    return true;
  }

  podium::test::TemporaryFolder folder_;
  int files_ = 0;
  std::unique_ptr<Service> service_;
};

inline std::string infer_text(const std::vector<uint8_t>& image, const std::string& more = "") {
  return tensor_text("UINT8", "1,20,10,1", R"("data":)" + Json(image).dump(), more);
}

}  // namespace podium::serve::test
