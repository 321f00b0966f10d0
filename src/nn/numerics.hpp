// In which numbers a backend computes, where it has a choice.
#pragma once

namespace podium::nn {

// `fast` algorithms save up to half the time of a convolution, and were seen to stay within 1e-5 of
// the largest value of a layer; `exact` ones round each sum as it is written.
enum class Rounding { fast, exact };

// What training multiplies. With bf16, convolutions and dense layers read inputs, weights and
// gradients rounded to 8 significant bits and add up in fp32; everything else, the weights that the
// optimizer holds, and all of inference stay fp32.
enum class Precision { fp32, bf16 };

struct Numerics {
  Rounding rounding = Rounding::fast;
  Precision precision = Precision::fp32;
  // Where the backend can: a convolution also sums its output and the squares of it, from which the
  // batch norm behind it has mean and variance, with fewer digits than by a pass of its own.
  bool fused_norm = false;
};

}  // namespace podium::nn
