// What a GPU reaches at most: a large product by cuBLASLt, a large copy within its memory.
#pragma once

#include "nn/backend.hpp"

namespace podium::nn::cuda {

// Of a product of two [side, side] matrices, in the numbers of training, and of a copy of `bytes`.
// Each is the best of several, after one that is not timed. Random numbers: products of zeros are
// faster. Throws unavailable_error where there is no room.
DeviceLimits measure_limits(int gpu, Numerics numerics, int side, size_t bytes);

}  // namespace podium::nn::cuda
