// ServiceExplorer: a running service as an explorer of a job that learns: its clients are the
// environment (docs/learn.md).
//
// It joins that job's hub as explorers of other jobs do (hub_messages.hpp). Weights that it is to
// take are installed in the service; a rollout that it is to explore is made of the next feedback
// that clients give. A connection that breaks is made again, and the address read anew for it; what
// was given meanwhile is kept, what was on its way is lost, and counted.
//
// Threads: owns one, on which weights are installed. take() is called on the service's.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>

#include "core/log.hpp"
#include "learn/experience.hpp"
#include "serve/feedback/feedback_sink.hpp"

namespace podium::learn {

struct ServiceExplorerOptions {
  std::filesystem::path learner;            // RUN/learn.json of the job that learns
  std::chrono::milliseconds every{10'000};  // new weights are installed at most so often
  size_t most_bytes = size_t{256} << 20;    // of images that wait for a rollout
};

struct ServiceExplorerStats {
  bool joined = false;
  uint64_t taken = 0;    // feedback, in all
  uint64_t sent = 0;     // of it, to the hub
  uint64_t dropped = 0;  // of it, for it was about versions or images that nobody learns from
  uint64_t lost = 0;     // of it, with a connection: it is sent once or not at all
  uint64_t rollouts = 0;
  uint64_t installed = 0;  // versions
};

class ServiceExplorer : public serve::FeedbackSink {
 public:
  // Makes these weights what is served, and returns the number under which they will be. Throws an
  // Error when it cannot.
  using Install = std::function<int(const Version& version, std::span<const float> parameters)>;

  ServiceExplorer(const ServiceExplorerOptions& options, Install install, const Log& log);
  // Leaves the hub. What has not been sent is lost, and told.
  ~ServiceExplorer() override;
  ServiceExplorer(const ServiceExplorer&) = delete;
  ServiceExplorer& operator=(const ServiceExplorer&) = delete;

  bool take(serve::Feedback feedback) override;

  ServiceExplorerStats stats() const;

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace podium::learn
