#include "workflow/front_door_test.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <nlohmann/json.hpp>
#include <numeric>
#include <thread>
#include <vector>

#include "core/clock.hpp"

namespace podium::workflow {
namespace {

constexpr std::chrono::seconds patience{30};
constexpr size_t most_images_per_request = 50;
constexpr size_t request_bytes = size_t{8} << 20;  // a pixel is up to four characters of JSON

// Several clients that share out the requests of one test.
class FrontDoorTest {
 public:
  FrontDoorTest(const std::string& address, const std::string& model, const io::Dataset& dataset,
                const serve::Credentials& credentials)
      : address_(serve::parse_host_port(address)),
        credentials_(credentials),
        model_(model),
        dataset_(dataset),
        images_per_request_(std::clamp<size_t>(request_bytes / (4 * dataset.info().image_bytes()),
                                               1, most_images_per_request)) {}

  FrontDoorReport run(int clients) {
    const Stopwatch watch;
    std::vector<std::thread> threads;
    for (int i = 0; i < clients; ++i) threads.emplace_back([this] { work(); });
    for (std::thread& thread : threads) thread.join();
    if (failure_) std::rethrow_exception(failure_);

    FrontDoorReport report;
    report.requests = static_cast<int64_t>(latencies_ms_.size());
    report.images = static_cast<int64_t>(dataset_.size(io::Split::test));
    report.accuracy = static_cast<double>(correct_) / static_cast<double>(report.images);
    report.seconds = watch.seconds();
    report.images_per_s = static_cast<double>(report.images) / report.seconds;
    std::ranges::sort(latencies_ms_);
    report.p50_ms = percentile(0.50);
    report.p99_ms = percentile(0.99);
    report.images_per_request = static_cast<int>(images_per_request_);
    return report;
  }

 private:
  // One client: takes the next block of records until none is left or some client failed.
  void work() {
    try {
      serve::Client client(address_.host, address_.port, patience, credentials_);
      const size_t records = dataset_.size(io::Split::test);
      for (size_t first = next_.fetch_add(images_per_request_); first < records && !failed_;
           first = next_.fetch_add(images_per_request_)) {
        ask(client, first, std::min(images_per_request_, records - first));
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
    correct_ += correct;
    latencies_ms_.push_back(latency_ms);
  }

  // REQUIRES: latencies_ms_ is sorted.
  double percentile(double share) const {
    if (latencies_ms_.empty()) return 0;
    const double last = static_cast<double>(latencies_ms_.size() - 1);
    return latencies_ms_[static_cast<size_t>(share * last)];
  }

  serve::HostPort address_;
  const serve::Credentials& credentials_;
  std::string model_;
  const io::Dataset& dataset_;
  size_t images_per_request_;
  std::atomic<size_t> next_{0};  // first record of the next request
  std::atomic<bool> failed_{false};

  std::mutex mutex_;  // guards what follows
  size_t correct_ = 0;
  std::vector<double> latencies_ms_;
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

FrontDoorReport test_front_door(const std::string& address, const std::string& model,
                                const io::Dataset& dataset, int clients,
                                const serve::Credentials& credentials) {
  return FrontDoorTest(address, model, dataset, credentials).run(clients);
}

}  // namespace podium::workflow
