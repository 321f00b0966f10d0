// Batch normalisation of one plane: up to 16 channels of one image, with the ReLU, the residual sum
// or the max pool that are computed on the way.
//
//   z = a * x + b                 a = scale / sqrt(variance + epsilon), b = shift - mean * a
//   y = z | max(z, 0) | max(z + side, 0) | max over windows of z or max(z, 0)
//
// The backward pass recomputes z from x: the normalised values are never stored. With g the
// gradient that reaches z, and means over the batch,
//
//   dx = a * (g - mean(g) - (x - mean) * inverse^2 * mean(g * (x - mean)))     inverse = a / scale
//
// (Ioffe & Szegedy 2015). Pure functions; each pixel is 64 bytes that one vector holds.
#pragma once

#include <cstddef>

#include "nn/cpu/lanes.hpp"

namespace podium::nn::cpu {

// What all planes of a layer have in common. A plane's pixels lie `stride` floats apart, row after
// row, in its input as in its output.
struct PlaneShape {
  int height = 0;  // of the input
  int width = 0;
  int window = 0;  // of the max pool, which is also its step; 0: none
  bool relu = false;
  size_t stride = kLanes;
  int lanes = kLanes;

  int pixels() const { return height * width; }
};

// Per channel.
struct Affine {
  Lanes a;
  Lanes b;
};

struct Moments {
  Lanes sum;
  Lanes squares;  // of the distances from the plane's own mean
};

struct GradientSums {
  Lanes g;
  Lanes g_x;  // g * (x - mean)
};

// dx = a * g + slope * x + offset
struct GradientMap {
  Lanes slope;
  Lanes offset;
};

Moments plane_moments(const PlaneShape& shape, const float* x);

// `side` is null without a residual sum.
void plane_forward(const PlaneShape& shape, const Affine& affine, const float* x, const float* side,
                   float* y);

// `y` is the output of a residual sum, else null: then `dy` becomes g where y > 0, and 0 elsewhere.
GradientSums plane_gradient_sums(const PlaneShape& shape, const Affine& affine, const Lanes& mean,
                                 const float* x, const float* y, float* dy);

// After plane_gradient_sums(); `masked` says that it was given a `y`.
void plane_input_gradient(const PlaneShape& shape, const Affine& affine, const GradientMap& map,
                          bool masked, const float* x, const float* dy, float* dx);

}  // namespace podium::nn::cpu
