// GradientSync: how the trainers of one model come to equal gradients. The training modes differ in
// this object, not in copies of the training loop.
#pragma once

#include <span>

namespace podium::train {

class DeviceExchange;  // cuda/device_exchange.hpp

class GradientSync {
 public:
  virtual ~GradientSync() = default;

  // Replaces `gradients` on every trainer by the sum over trainers of weight * gradients. With
  // weight = local images / global images, that is the gradient of the global batch's mean loss.
  // Every trainer ends with the same bits.
  virtual void combine(std::span<float> gradients, float weight) = 0;

  // Seconds that trainers have spent in combine() so far and could not compute meanwhile.
  virtual double exposed_seconds() const = 0;

  // The same where the gradients lie, for steps that do not ask the host; null when the exchange
  // needs it. Belongs to this object.
  virtual DeviceExchange* on_device() { return nullptr; }
};

}  // namespace podium::train
