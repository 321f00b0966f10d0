#include "ps/rules.hpp"

#include <cmath>

namespace podium::ps {
namespace {

void sgd_loop(const RuleRates& rates, float* __restrict theta, const float* __restrict pushed,
              size_t count) {
  const float lr = rates.lr * rates.scale;
  for (size_t i = 0; i < count; ++i) theta[i] = rates.keep * theta[i] - lr * pushed[i];
}

void momentum_loop(const RuleRates& rates, float momentum, bool nesterov, float* __restrict theta,
                   float* __restrict velocity, const float* __restrict pushed, size_t count) {
  // Both forms are keep θ - lr (a g + b v).
  const float a = nesterov ? 1.0F : 0.0F;
  const float b = nesterov ? momentum : 1.0F;
  for (size_t i = 0; i < count; ++i) {
    const float g = rates.scale * pushed[i];
    const float v = momentum * velocity[i] + g;
    velocity[i] = v;
    theta[i] = rates.keep * theta[i] - rates.lr * (a * g + b * v);
  }
}

void adagrad_loop(const RuleRates& rates, float epsilon, float* __restrict theta,
                  float* __restrict squares, const float* __restrict pushed, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const float g = rates.scale * pushed[i];
    const float sum = squares[i] + g * g;
    squares[i] = sum;
    theta[i] = rates.keep * theta[i] - rates.lr * g / (std::sqrt(sum) + epsilon);
  }
}

// Values that were updated equally often: `first` and `second` are 1 / (1 - β^t).
void adam_loop(const OptimizerOptions& options, const RuleRates& rates, float first, float second,
               float* __restrict theta, float* __restrict mean, float* __restrict squares,
               const float* __restrict pushed, size_t count) {
  const float beta1 = options.beta1;
  const float beta2 = options.beta2;
  const float epsilon = options.epsilon;
  const float lr = rates.lr * first;
  for (size_t i = 0; i < count; ++i) {
    const float g = rates.scale * pushed[i];
    const float m = beta1 * mean[i] + (1 - beta1) * g;
    const float s = beta2 * squares[i] + (1 - beta2) * g * g;
    mean[i] = m;
    squares[i] = s;
    theta[i] = rates.keep * theta[i] - lr * m / (std::sqrt(s * second) + epsilon);
  }
}

// How many values from the first on were updated as often as it.
size_t equal_run(const float* steps, size_t count) {
  constexpr size_t block = 64;
  const float first = steps[0];
  size_t length = 1;
  while (length + block <= count) {
    int different = 0;
    for (size_t i = 0; i < block; ++i) different += steps[length + i] != first ? 1 : 0;
    if (different != 0) break;
    length += block;
  }
  while (length < count && steps[length] == first) ++length;
  return length;
}

void adam(const OptimizerOptions& options, const RuleRates& rates, RuleMemory memory,
          const float* pushed, size_t count) {
  while (count > 0) {
    float* steps = memory.slots[2];
    const size_t run = equal_run(steps, count);
    const float step = steps[0] + 1;
    const auto first = static_cast<float>(1 / (1 - std::pow(double{options.beta1}, double{step})));
    const auto second = static_cast<float>(1 / (1 - std::pow(double{options.beta2}, double{step})));
    adam_loop(options, rates, first, second, memory.theta, memory.slots[0], memory.slots[1], pushed,
              run);
    for (size_t i = 0; i < run; ++i) steps[i] = step;
    memory = memory.at(run);
    pushed += run;
    count -= run;
  }
}

}  // namespace

size_t slots_of(Rule rule) {
  switch (rule) {
    case Rule::momentum:
    case Rule::adagrad:
      return 1;
    case Rule::adam:
      return 3;
    case Rule::sum:
    case Rule::step_sum:
    case Rule::sgd:
      break;
  }
  return 0;
}

RuleMemory RuleMemory::at(size_t offset) const {
  RuleMemory moved{theta + offset, {}};
  for (size_t i = 0; i < max_slots; ++i) {
    if (slots[i] != nullptr) moved.slots[i] = slots[i] + offset;
  }
  return moved;
}

void apply(const OptimizerOptions& options, const RuleRates& rates, const RuleMemory& memory,
           const float* pushed, size_t count) {
  switch (options.rule) {
    case Rule::sum:
      add_scaled(memory.theta, pushed, rates.scale, count);
      break;
    case Rule::step_sum:
      for (size_t i = 0; i < count; ++i) memory.theta[i] = rates.scale * pushed[i];
      break;
    case Rule::sgd:
      sgd_loop(rates, memory.theta, pushed, count);
      break;
    case Rule::momentum:
      momentum_loop(rates, options.momentum, options.nesterov, memory.theta, memory.slots[0],
                    pushed, count);
      break;
    case Rule::adagrad:
      adagrad_loop(rates, options.epsilon, memory.theta, memory.slots[0], pushed, count);
      break;
    case Rule::adam:
      adam(options, rates, memory, pushed, count);
      break;
  }
}

void add_scaled(float* __restrict into, const float* __restrict pushed, float scale, size_t count) {
  for (size_t i = 0; i < count; ++i) into[i] += scale * pushed[i];
}

}  // namespace podium::ps
