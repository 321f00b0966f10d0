// ModelSlot: the version that a replica serves, and those it has loaded to serve next.
//
// prepare() hands a file to the loading thread, which loads it, computes blank images with it in
// batches of every size that requests may make (warm_up.hpp), and reports; the served version is
// not disturbed, and its requests go first on the cores. activate() swaps in constant time. A
// version lives as long as somebody computes with it. A ticket names one order to prepare; tickets
// grow. Thread-safe.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "serve/replica/predictor.hpp"

namespace podium::serve {

class ModelSlot {
 public:
  struct Order {
    uint64_t ticket = 0;
    int version = 0;
    std::string path;
  };
  // Called on the loading thread; an empty error means that the version can be activated.
  using Report = std::function<void(const Order& order, const std::string& error)>;

  // `max_batch` images at most are computed at once.
  ModelSlot(PredictorLoader loader, int max_batch, Report report);
  ~ModelSlot();
  ModelSlot(const ModelSlot&) = delete;
  ModelSlot& operator=(const ModelSlot&) = delete;

  void prepare(Order order);
  // Returns false when the order is not prepared. Older ones that are prepared are forgotten.
  bool activate(uint64_t ticket);
  void discard(uint64_t ticket);

  // Null before the first activation.
  std::shared_ptr<Predictor> current() const;

 private:
  void load_orders();
  std::shared_ptr<Predictor> load(const Order& order) const;

  PredictorLoader loader_;
  const int max_batch_;
  Report report_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Order> orders_;
  uint64_t discarded_ = 0;  // the last ticket, in case it is being loaded
  std::map<uint64_t, std::shared_ptr<Predictor>> prepared_;
  std::shared_ptr<Predictor> current_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace podium::serve
