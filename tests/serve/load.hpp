// Load: client threads that predict over and over, and check every answer.
//
// The models under load are "shift V" for version V, so that an answer betrays which version made
// it: the class of an image of band b is (b + V) % 10. Every request holds several images; a batch
// computed by two versions would show.
#pragma once

#include <atomic>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "region_predictor.hpp"
#include "serve/client/client.hpp"

namespace podium::serve::test {

class Load {
 public:
  Load(int port, int threads) {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this, port, i] { run(port, i); });
  }
  ~Load() { stop(); }

  void stop() {
    stopping_ = true;
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }

  int answered() const { return answered_; }
  // Complaints: failed requests, wrong classes, versions that went down. Call after stop().
  const std::vector<std::string>& complaints() const { return complaints_; }
  const std::set<int>& versions() const { return versions_; }

 private:
  void run(int port, int seed) {
    Client client("127.0.0.1", port, std::chrono::seconds(20));
    int last_version = 0;
    for (int i = seed; !stopping_; ++i) {
      const std::vector<int> bands = {i % 10, (i / 10 + seed) % 10, (i * 7) % 10};
      std::vector<uint8_t> images;
      for (const int band : bands) {
        const std::vector<uint8_t> image = image_of_band(band);
        images.insert(images.end(), image.begin(), image.end());
      }
      try {
        check(client.infer({"bands", images, 3, height, width, 1}), bands, &last_version);
        ++answered_;
      } catch (const std::exception& error) {
        complain(error.what());
        return;
      }
    }
  }

  void check(const InferReply& reply, const std::vector<int>& bands, int* last_version) {
    const int version = std::stoi(reply.model_version);
    if (version < *last_version) complain("version went down to " + reply.model_version);
    *last_version = version;
    for (size_t i = 0; i < bands.size(); ++i) {
      const int64_t expected = (bands[i] + version) % classes;
      if (reply.classes.at(i) != expected)
        complain("wrong class by version " + reply.model_version);
    }
    const std::lock_guard lock(mutex_);
    versions_.insert(version);
  }

  void complain(const std::string& text) {
    const std::lock_guard lock(mutex_);
    complaints_.push_back(text);
  }

  std::atomic<bool> stopping_{false};
  std::atomic<int> answered_{0};
  std::mutex mutex_;
  std::vector<std::string> complaints_;
  std::set<int> versions_;
  std::vector<std::thread> threads_;
};

}  // namespace podium::serve::test
