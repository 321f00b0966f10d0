#include "search/lstm.hpp"

#include <cmath>

#include "search/vectors.hpp"

namespace podium::search {
namespace {

double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}

}  // namespace

void lstm_forward(std::span<const double> weights, std::span<const double> biases, LstmStep& step) {
  const size_t units = step.h_before.size();
  step.gates.assign(biases.begin(), biases.end());
  for (size_t k = 0; k < units; ++k) {
    add(step.input[k], row_of(weights, k, 4 * units), step.gates);
    add(step.h_before[k], row_of(weights, units + k, 4 * units), step.gates);
  }
  step.c.resize(units);
  step.h.resize(units);
  step.tanh_c.resize(units);
  for (size_t k = 0; k < units; ++k) {
    double& i = step.gates[k];
    double& f = step.gates[units + k];
    double& g = step.gates[2 * units + k];
    double& o = step.gates[3 * units + k];
    i = sigmoid(i);
    f = sigmoid(f);
    g = std::tanh(g);
    o = sigmoid(o);
    step.c[k] = f * step.c_before[k] + i * g;
    step.tanh_c[k] = std::tanh(step.c[k]);
    step.h[k] = o * step.tanh_c[k];
  }
}

void lstm_backward(std::span<const double> weights, const LstmStep& step,
                   const LstmGradient& gradient) {
  const size_t units = step.h.size();
  std::vector<double> sums(4 * units);  // gradients of what the gates are functions of
  for (size_t k = 0; k < units; ++k) {
    const double i = step.gates[k];
    const double f = step.gates[units + k];
    const double g = step.gates[2 * units + k];
    const double o = step.gates[3 * units + k];
    const double tanh_c = step.tanh_c[k];
    const double c = gradient.c[k] + gradient.h[k] * o * (1 - tanh_c * tanh_c);
    sums[k] = c * g * i * (1 - i);
    sums[units + k] = c * step.c_before[k] * f * (1 - f);
    sums[2 * units + k] = c * i * (1 - g * g);
    sums[3 * units + k] = gradient.h[k] * tanh_c * o * (1 - o);
    gradient.c[k] = c * f;
  }
  add(1, sums, gradient.biases);
  for (size_t k = 0; k < units; ++k) {
    gradient.input[k] = dot(row_of(weights, k, 4 * units), sums);
    gradient.h[k] = dot(row_of(weights, units + k, 4 * units), sums);
    add(step.input[k], sums, row_of(gradient.weights, k, 4 * units));
    add(step.h_before[k], sums, row_of(gradient.weights, units + k, 4 * units));
  }
}

}  // namespace podium::search
