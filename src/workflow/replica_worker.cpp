#include "workflow/replica_worker.hpp"

#include "core/error.hpp"
#include "serve/replica/replica.hpp"
#include "workflow/model_file.hpp"
#include "workflow/model_predictor.hpp"
#include "workflow/weights_source.hpp"

namespace podium::workflow {
namespace {

constexpr int threads_per_replica = 1;        // a service scales by replicas
constexpr std::chrono::seconds patience{30};  // for the update that brings a version

}  // namespace

std::vector<std::string> replica_worker_arguments(const std::string& served_name,
                                                  const DeviceChoice& device) {
  return {served_name, std::to_string(device.gpu)};
}

void replica_worker(const std::vector<std::string>& arguments) {
  const serve::ReplicaCommand command = serve::parse_replica_command(arguments);
  require(command.more.size() == 2, "a replica is told the name it serves and where it computes",
          "replica worker");
  const std::string served_name = command.more.front();
  const DeviceChoice device{std::stoi(command.more.back()), ""};
  const int max_batch = command.options.max_batch;
  serve::run_replica(command.options, [=](const std::string& path, int version) {
    const StoredModel model(read_weights(path, version, patience),
                            "version " + std::to_string(version));
    return std::make_unique<ModelPredictor>(model.make(threads_per_replica, max_batch, device),
                                            served_name, version, model.transform());
  });
}

}  // namespace podium::workflow
