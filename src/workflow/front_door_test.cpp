#include "workflow/front_door_test.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <limits>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <numeric>
#include <thread>
#include <vector>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "serve/client/rank_transport.hpp"

namespace podium::workflow {
namespace {

constexpr std::chrono::seconds patience{30};
constexpr size_t most_images_per_request = 50;
constexpr size_t request_bytes = size_t{2} << 20;
constexpr size_t most_first_requests = 10;
constexpr size_t most_probabilities = 10'000;  // of these requests; they travel as JSON

// Several clients that share out the requests of one test.
class FrontDoorTest {
 public:
  FrontDoorTest(const MakeClient& make_client, const std::string& model, const io::Dataset& dataset,
                Share share)
      : make_client_(make_client),
        model_(model),
        dataset_(dataset),
        images_per_request_(std::clamp<size_t>(request_bytes / dataset.info().image_bytes(), 1,
                                               most_images_per_request)),
        first_images_(std::min(first_requests() * images_per_request_, all_images())),
        images_(share == Share::all ? all_images() : first_images_),
        probabilities_(first_images_ * classes()) {}

  FrontDoorReport run(int clients) {
    const Stopwatch watch;
    std::vector<std::thread> threads;
    for (int i = 0; i < clients; ++i) threads.emplace_back([this] { work(); });
    for (std::thread& thread : threads) thread.join();
    if (failure_) std::rethrow_exception(failure_);

    FrontDoorReport report;
    report.requests = static_cast<int64_t>(latencies_ms_.size());
    report.images = static_cast<int64_t>(images_);
    report.accuracy = static_cast<double>(correct_) / static_cast<double>(report.images);
    report.seconds = watch.seconds();
    report.images_per_s = static_cast<double>(report.images) / report.seconds;
    std::ranges::sort(latencies_ms_);
    report.p50_ms = percentile(0.50);
    report.p99_ms = percentile(0.99);
    report.images_per_request = static_cast<int>(images_per_request_);
    report.probabilities = std::move(probabilities_);
    return report;
  }

 private:
  size_t all_images() const { return dataset_.size(io::Split::test); }
  size_t classes() const { return static_cast<size_t>(dataset_.info().classes); }
  size_t first_requests() const {
    return std::clamp<size_t>(most_probabilities / (images_per_request_ * classes()), 1,
                              most_first_requests);
  }

  // One client: takes the next block of records until none is left or some client failed.
  void work() {
    try {
      serve::Client client = make_client_();
      for (size_t first = next_.fetch_add(images_per_request_); first < images_ && !failed_;
           first = next_.fetch_add(images_per_request_)) {
        ask(client, first, std::min(images_per_request_, images_ - first));
      }
    } catch (...) {
      const std::lock_guard lock(mutex_);
      failed_ = true;
      if (!failure_) failure_ = std::current_exception();
    }
  }

  void ask(serve::Client& client, size_t first, size_t count) {
    const io::DatasetInfo& info = dataset_.info();
    std::vector<uint32_t> records(count);
    std::vector<uint8_t> images(count * info.image_bytes());
    std::vector<uint8_t> labels(count);
    std::iota(records.begin(), records.end(), static_cast<uint32_t>(first));
    dataset_.gather(io::Split::test, records, images, labels);

    serve::InferRequest request;
    request.model = model_;
    request.images = images;
    request.n = static_cast<int>(count);
    request.height = static_cast<int>(info.height);
    request.width = static_cast<int>(info.width);
    request.channels = static_cast<int>(info.channels);
    const Stopwatch watch;
    const serve::InferReply reply = client.infer(request);
    const double latency_ms = watch.milliseconds();

    size_t correct = 0;
    for (size_t i = 0; i < count; ++i) correct += reply.classes[i] == labels[i] ? 1 : 0;
    const std::lock_guard lock(mutex_);
    if (first < first_images_) {
      require(reply.probabilities.size() == count * classes(), "a row for each image",
              "front door test");
      std::ranges::copy(reply.probabilities, probabilities_.begin() + ptrdiff_t(first * classes()));
    }
    correct_ += correct;
    latencies_ms_.push_back(latency_ms);
  }

  // REQUIRES: latencies_ms_ is sorted.
  double percentile(double share) const {
    if (latencies_ms_.empty()) return 0;
    const double last = static_cast<double>(latencies_ms_.size() - 1);
    return latencies_ms_[static_cast<size_t>(share * last)];
  }

  const MakeClient& make_client_;
  std::string model_;
  const io::Dataset& dataset_;
  size_t images_per_request_;
  size_t first_images_;          // whose probabilities are kept
  size_t images_;                // to ask for
  std::atomic<size_t> next_{0};  // first record of the next request
  std::atomic<bool> failed_{false};

  std::mutex mutex_;  // guards what follows
  size_t correct_ = 0;
  std::vector<double> latencies_ms_;
  std::vector<float> probabilities_;
  std::exception_ptr failure_;
};

}  // namespace

nlohmann::ordered_json to_json(const FrontDoorReport& report) {
  return {{"requests", report.requests},
          {"images", report.images},
          {"images_per_request", report.images_per_request},
          {"accuracy", report.accuracy},
          {"seconds", report.seconds},
          {"images_per_s", report.images_per_s},
          {"p50_ms", report.p50_ms},
          {"p99_ms", report.p99_ms}};
}

FrontDoorReport test_front_door(const MakeClient& make_client, const std::string& model,
                                const io::Dataset& dataset, int clients, Share share) {
  return FrontDoorTest(make_client, model, dataset, share).run(clients);
}

MakeClient clients_over_http(const std::string& address, const serve::Credentials& credentials) {
  return [door = serve::parse_host_port(address), credentials] {
    return serve::Client(door.host, door.port, patience, credentials);
  };
}

MakeClient clients_over_ranks(comm::Communicator& group, int server) {
  return [&group, server] {
    return serve::Client(std::make_unique<serve::RankTransport>(group, server, patience));
  };
}

double largest_difference(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size()) return std::numeric_limits<double>::infinity();
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(double{a[i]} - double{b[i]});
    if (!(difference <= largest)) largest = difference;  // also one that is no number
  }
  return largest;
}

}  // namespace podium::workflow
