// GradientSync: how the trainers of one model come to equal gradients. The training modes differ in
// this object, not in copies of the training loop.
//
// A step is begin(), then ready() as often as the backward pass has finished more gradients, then
// finish(). Between begin() and finish() the sync may already exchange what is ready: nobody else
// touches those values. All trainers take the same steps, and are told of the same parts in the
// same order.
#pragma once

#include <cstddef>
#include <span>

namespace podium::train {

class DeviceExchange;  // cuda/device_exchange.hpp

// Seconds so far that gradients were under way.
struct ExchangeTimes {
  double exposed_s = 0;  // in which this trainer could not compute
  double hidden_s = 0;   // in which it computed
};

class GradientSync {
 public:
  virtual ~GradientSync() = default;

  // Begins to replace `gradients` on every trainer by the sum over trainers of weight * gradients.
  // With weight = local images / global images, that is the gradient of the global batch's mean
  // loss. Every trainer ends with the same bits.
  virtual void begin(std::span<float> gradients, float weight) = 0;
  // Those from `first` on are there. `first` falls from call to call; the last one is 0.
  virtual void ready(size_t first) = 0;
  // Returns when all are replaced.
  virtual void finish() = 0;

  // Gradients that are all there.
  void combine(std::span<float> gradients, float weight) {
    begin(gradients, weight);
    ready(0);
    finish();
  }

  virtual ExchangeTimes times() const = 0;

  // The same where the gradients lie, for steps that do not ask the host; null when the exchange
  // needs it. Belongs to this object.
  virtual DeviceExchange* on_device() { return nullptr; }
};

}  // namespace podium::train
