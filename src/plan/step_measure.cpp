#include "plan/step_measure.hpp"

#include <algorithm>
#include <vector>

#include "core/clock.hpp"
#include "core/random.hpp"
#include "nn/backend.hpp"
#include "nn/model.hpp"
#include "train/training_state.hpp"

namespace podium::plan {
namespace {

constexpr float rate = 0.01F;  // small: a diverged model computes with numbers that are no numbers
constexpr int warm_up_steps = 3;
constexpr size_t least_steps = 5;

nn::ModelCard card_of(const train::Recipe& recipe, const DataShape& data) {
  nn::ModelCard card;
  card.name = recipe.name;
  card.architecture = recipe.architecture;
  card.image = data.image;
  card.classes = data.classes;
  const auto channels = static_cast<size_t>(data.image.channels);
  card.preprocess = {std::vector<float>(channels, 0.5F), std::vector<float>(channels, 0.25F)};
  return card;
}

}  // namespace

double measure_step(const train::Recipe& recipe, const DataShape& data, int share,
                    const DeviceChoice& device, int threads, double seconds) {
  const int together = micro_batch(recipe, share);
  nn::Model model(card_of(recipe, data), nn::make_ops(device, threads, recipe.numerics), together);
  train::TrainingState state(model, recipe);
  const auto count = static_cast<size_t>(together);
  std::vector<uint8_t> images(count * static_cast<size_t>(data.image.size()));
  std::vector<uint8_t> labels(count);
  for (size_t i = 0; i < images.size(); ++i) images[i] = static_cast<uint8_t>(mix64(i));
  for (size_t i = 0; i < count; ++i) {
    labels[i] = static_cast<uint8_t>(i % static_cast<size_t>(data.classes));
  }
  const auto step = [&] {
    const Stopwatch watch;
    for (int i = 0; i < recipe.accumulate; ++i) {
      model.forward_backward(images, labels, static_cast<float>(recipe.label_smoothing));
    }
    state.optimizer.step(model.parameters(), model.gradients(), rate);
    model.ops().synchronise();
    return watch.seconds();
  };
  for (int i = 0; i < warm_up_steps; ++i) step();
  std::vector<double> times;
  const Stopwatch watch;
  while (times.size() < least_steps || watch.seconds() < seconds) times.push_back(step());
  std::ranges::nth_element(times, times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2));
  return times[times.size() / 2];
}

}  // namespace podium::plan
