// The two ends of a network: uint8 images in, probabilities or a loss out.
#pragma once

#include <span>

#include "nn/ops.hpp"

namespace podium::nn::cpu {

// See Ops::load_images().
void load_images(std::span<const uint8_t> images, const Preprocess& preprocess,
                 const InputPlace& place);

// See Ops::cross_entropy(). Images are summed in order: the result has the same bits every time.
LossResult cross_entropy(std::span<const float> logits, std::span<const uint8_t> labels,
                         float label_smoothing, float* gradient);

// See Ops::softmax().
void softmax(std::span<const float> logits, int classes, float* probabilities);

}  // namespace podium::nn::cpu
