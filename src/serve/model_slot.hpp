// ModelSlot: the version that a replica serves, and those it has loaded to serve next.
//
// prepare() hands a file to the loading thread, which loads it, computes one batch of blank images
// with it, and reports; the served version is not disturbed. activate() swaps in constant time. A
// version lives as long as somebody computes with it. Thread-safe.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "serve/predictor.hpp"

namespace podium::serve {

class ModelSlot {
 public:
  // Called on the loading thread; an empty error means that `version` can be activated.
  using Report = std::function<void(int version, const std::string& error)>;

  ModelSlot(PredictorLoader loader, Report report);
  ~ModelSlot();
  ModelSlot(const ModelSlot&) = delete;
  ModelSlot& operator=(const ModelSlot&) = delete;

  void prepare(int version, std::string path);
  // Returns false when `version` is not prepared. Older prepared versions are forgotten.
  bool activate(int version);
  void discard(int version);

  // Null before the first activation.
  std::shared_ptr<Predictor> current() const;

 private:
  struct Order {
    int version = 0;
    std::string path;
  };

  void load_orders();
  std::shared_ptr<Predictor> load(const Order& order) const;

  PredictorLoader loader_;
  Report report_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Order> orders_;
  std::map<int, std::shared_ptr<Predictor>> prepared_;
  std::shared_ptr<Predictor> current_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace podium::serve
