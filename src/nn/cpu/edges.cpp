#include "nn/cpu/edges.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "nn/cpu/loops.hpp"
#include "nn/image_numbers.hpp"

namespace podium::nn::cpu {
namespace {

// Scale and shift of each channel, repeated to fill whole vectors, so that the inner loop needs no
// modulus. A card has at most 1024 channels (model_card.cpp).
struct Pattern {
  std::array<float, 1024> scale;
  std::array<float, 1024> shift;
  size_t length;

  explicit Pattern(const Preprocess& preprocess) {
    const size_t channels = preprocess.mean.size();
    length = scale.size() / channels * channels;
    for (size_t i = 0; i < length; ++i) {
      const float stddev = preprocess.stddev[i % channels];
      scale[i] = pixel_scale(stddev);
      shift[i] = pixel_shift(preprocess.mean[i % channels], stddev);
    }
  }
};

// Turns a row of logits into probabilities. Returns log(sum(exp(logits))).
double softmax_row(const float* logits, size_t classes, float* probabilities) {
  const float largest = *std::max_element(logits, logits + classes);
  double sum = 0;
  for (size_t k = 0; k < classes; ++k) {
    probabilities[k] = std::exp(logits[k] - largest);
    sum += static_cast<double>(probabilities[k]);
  }
  const auto inverse = static_cast<float>(1.0 / sum);
  for (size_t k = 0; k < classes; ++k) probabilities[k] *= inverse;
  return static_cast<double>(largest) + std::log(sum);
}

}  // namespace

namespace {

void load_as_they_are(std::span<const uint8_t> images, const Preprocess& preprocess,
                      float* inputs) {
  const Pattern pattern(preprocess);
  const float* scale = pattern.scale.data();
  const float* shift = pattern.shift.data();
  const size_t length = pattern.length;
  const size_t count = images.size();
#pragma omp parallel for schedule(static) if (count >= kParallelFrom)
  for (size_t start = 0; start < count; start += length) {
    const uint8_t* from = images.data() + start;
    float* to = inputs + start;
    const size_t end = std::min(length, count - start);
#pragma omp simd
    for (size_t i = 0; i < end; ++i) to[i] = static_cast<float>(from[i]) * scale[i] + shift[i];
  }
}

void load_mirrored(std::span<const uint8_t> images, const Preprocess& preprocess,
                   const ImageShape& shape, float* inputs) {
  const Pattern pattern(preprocess);
  const auto channels = static_cast<size_t>(shape.channels);
  const size_t length = static_cast<size_t>(shape.width) * channels;
  const size_t rows = images.size() / length;
#pragma omp parallel for schedule(static) if (images.size() >= kParallelFrom)
  for (size_t row = 0; row < rows; ++row) {
    const uint8_t* from = images.data() + row * length;
    float* to = inputs + (row + 1) * length;
    for (const uint8_t* end = from + length; from != end; from += channels) {
      to -= channels;
      for (size_t c = 0; c < channels; ++c) {
        to[c] = static_cast<float>(from[c]) * pattern.scale[c] + pattern.shift[c];
      }
    }
  }
}

}  // namespace

void load_images(std::span<const uint8_t> images, const Preprocess& preprocess,
                 const InputPlace& place) {
  if (place.mirrored) {
    load_mirrored(images, preprocess, place.shape, place.inputs);
  } else {
    load_as_they_are(images, preprocess, place.inputs);
  }
  const size_t floats = static_cast<size_t>(place.batch) * static_cast<size_t>(place.shape.size());
  std::fill(place.inputs + images.size(), place.inputs + floats, 0.0F);
}

LossResult cross_entropy(std::span<const float> logits, std::span<const uint8_t> labels,
                         float label_smoothing, float* gradient) {
  const size_t images = labels.size();
  const size_t classes = logits.size() / images;
  const float share = 1.0F / static_cast<float>(images);
  const float off = label_smoothing / static_cast<float>(classes);
  LossResult result;
  for (size_t n = 0; n < images; ++n) {
    const float* row = logits.data() + n * classes;
    float* slope = gradient + n * classes;
    const size_t label = labels[n];
    const double normaliser = softmax_row(row, classes, slope);
    double mean_logit = 0;
    for (size_t k = 0; k < classes; ++k) {
      mean_logit += static_cast<double>(row[k]);
      slope[k] = (slope[k] - off) * share;
    }
    mean_logit /= static_cast<double>(classes);
    slope[label] -= (1.0F - label_smoothing) * share;
    const auto smoothing = static_cast<double>(label_smoothing);
    const double target = (1.0 - smoothing) * static_cast<double>(row[label]);
    result.loss_sum += normaliser - target - smoothing * mean_logit;
    if (static_cast<size_t>(std::max_element(row, row + classes) - row) == label) ++result.correct;
  }
  return result;
}

void softmax(std::span<const float> logits, int classes, float* probabilities) {
  const auto width = static_cast<size_t>(classes);
  for (size_t start = 0; start < logits.size(); start += width) {
    softmax_row(logits.data() + start, width, probabilities + start);
  }
}

}  // namespace podium::nn::cpu
