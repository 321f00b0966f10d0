#include "bench/fixed_replica.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "serve/replica/replica.hpp"

namespace podium::bench {
namespace {

constexpr const char* kind = "fixed";
constexpr size_t own_arguments = 3;  // kind, model, milliseconds

class FixedPredictor : public serve::Predictor {
 public:
  FixedPredictor(const std::string& model, int version, std::chrono::milliseconds time)
      : time_(time) {
    info_.model = model;
    info_.variant = kind;
    info_.version = version;
    info_.channels = 1;
    info_.height = 28;
    info_.width = 28;
    info_.classes = 10;
    info_.max_batch = 4096;
  }

  const serve::ModelInfo& info() const override { return info_; }

  void predict(std::span<const uint8_t>, int, std::span<float> probabilities) override {
    if (time_.count() > 0) std::this_thread::sleep_for(time_);
    std::ranges::fill(probabilities, 1.0F / static_cast<float>(info_.classes));
  }

  std::vector<int> sizes_to_warm(int most) const override { return {most}; }  // all are alike

 private:
  serve::ModelInfo info_;
  std::chrono::milliseconds time_;
};

}  // namespace

std::vector<std::string> fixed_replica_arguments(const std::string& model, int milliseconds) {
  return {kind, model, std::to_string(milliseconds)};
}

bool is_fixed_replica(const std::vector<std::string>& arguments) {
  if (!serve::is_replica_command(arguments)) return false;
  const std::vector<std::string> more = serve::parse_replica_command(arguments).more;
  return more.size() == own_arguments && more.front() == kind;
}

void fixed_replica(const std::vector<std::string>& arguments) {
  const serve::ReplicaCommand command = serve::parse_replica_command(arguments);
  const std::string model = command.more.at(1);
  const std::chrono::milliseconds time(std::stoi(command.more.at(2)));
  serve::run_replica(command.options, [=](const std::string&, int version) {
    return std::make_unique<FixedPredictor>(model, version, time);
  });
}

}  // namespace podium::bench
