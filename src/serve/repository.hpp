// Repository: whether the one model is loaded, as clients may order it (Triton's extension).
//
// Unloaded, the model is not ready and requests for it are refused; its replicas keep it and go on
// following new versions, so that a load is quick. Which versions there are, only whoever deploys
// knows: it takes the order to load, deploys, and says what came of it; nobody waits for that
// longer than `patience`. Lives on the service's thread, but for take_order(). Part of the service.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>

#include "serve/service.hpp"

namespace podium::serve {

class Repository {
 public:
  using Answer = std::function<void(const LoadResult&)>;

  Repository(boost::asio::io_context& context, std::chrono::milliseconds patience)
      : patience_(patience), timer_(context) {}

  bool loaded() const { return loaded_; }
  // Overrules an order to load that is under way.
  void unload();

  // Orders a version (0: the newest); `answer` is called once. Throws RequestError 503 while
  // another order is under way.
  void load(int version, Answer answer);

  // The order that nobody has taken yet. Any thread.
  std::optional<LoadOrder> take_order();
  // What came of an order; the model is loaded if it went well and nobody unloaded it meanwhile.
  // Its client has been answered if its time is over.
  void finish(const LoadOrder& order, const LoadResult& result);
  // Answers an order under way by `result`.
  void give_up(const LoadResult& result);

 private:
  const std::chrono::milliseconds patience_;
  boost::asio::steady_timer timer_;
  bool loaded_ = true;
  Answer answer_;           // empty: no order is under way
  uint64_t ticket_ = 0;     // of the last order
  uint64_t overruled_ = 0;  // the last one before the model was unloaded
  std::mutex mutex_;        // guards order_
  std::optional<LoadOrder> order_;
};

}  // namespace podium::serve
