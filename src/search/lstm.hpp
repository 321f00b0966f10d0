// One layer of an LSTM, one step in time, forward and backward (Hochreiter & Schmidhuber 1997, with
// the forget gate of Gers et al. 2000).
//
//   i, f, o = sigmoid(.), g = tanh(.) of [x h'] W + b      W is [2 units, 4 units]: i, f, g, o
//   c = f c' + i g, h = o tanh(c)
//
// where ' marks the step before. Pure.
#pragma once

#include <span>
#include <vector>

namespace podium::search {

// What a step leaves behind for the backward pass. All vectors are as long as the layer has units,
// save `gates`.
struct LstmStep {
  std::vector<double> input;
  std::vector<double> h_before;
  std::vector<double> c_before;
  std::vector<double> gates;  // [4 units]: i, f, g, o
  std::vector<double> tanh_c;
  std::vector<double> c;
  std::vector<double> h;
};

// Computes the rest of `step` from its input, h_before and c_before.
void lstm_forward(std::span<const double> weights, std::span<const double> biases, LstmStep& step);

// Gradients of a step: `h` and `c` come in as those of its results and go out as those of h_before
// and c_before; `input` is written; those of weights and biases are added to.
struct LstmGradient {
  std::span<double> h;
  std::span<double> c;
  std::span<double> input;
  std::span<double> weights;
  std::span<double> biases;
};

void lstm_backward(std::span<const double> weights, const LstmStep& step,
                   const LstmGradient& gradient);

}  // namespace podium::search
