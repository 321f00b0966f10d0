// Lowering: the layers of a network as one backend runs them in one pass.
//
// Layers that a backend computes together become one:
//
//   training    batch norm (+ ReLU) + max pool        the normalised activations are never stored
//               batch norm + residual sum + ReLU
//               convolution + moments of its output   for the batch norm that reads it
//   inference   convolution or dense + batch norm     the norm is folded into weights and bias
//               convolution + residual sum + ReLU     added in place
//
// and activations get the layout in which the backend computes fastest. Pure functions: parameters
// and statistics keep their places, so that both passes and all backends share them.
#pragma once

#include <vector>

#include "nn/network_plan.hpp"

namespace podium::nn {

enum class Pass { training, inference };

// What a backend can compute together, and the layout it computes in.
struct Fusions {
  bool norm_pool = false;           // training
  bool norm_sum = false;            // training
  bool norm_moments = false;        // training
  bool folded_norm = false;         // inference
  bool sum = false;                 // inference
  int channel_block = 0;            // [N,C/b,H,W,b] where all channels are multiples of b; 0: NHWC
  std::vector<int> image_channels;  // of the images that blocked convolutions read
};

NetworkPlan lower(const NetworkPlan& network, Pass pass, const Fusions& fusions);

}  // namespace podium::nn
