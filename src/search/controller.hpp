// Controller: an LSTM that samples networks of a space, one decision after the other (Zoph & Le
// 2016).
//
// At each decision the top layer's output h gives a distribution: over the alternatives of a pick
// by a softmax, and for an anchor, whether each earlier anchor j is added, by a sigmoid of v .
// tanh(Wp h_j + Wc h) (3.3 there). A logit z becomes c tanh(z / T), or z / T without a tanh
// constant c (Bello et al. 2017). What was chosen is the next decision's input: the alternative's
// embedding; of an anchor, the mean of its own h and those of the anchors it adds, each an h of the
// top layer.
//
// Gradients are by hand, by backpropagation through time. All computing is in double; Θ travels as
// floats. Deterministic, no state beside Θ. For one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/random.hpp"
#include "nn/buffer_info.hpp"
#include "search/space.hpp"

namespace podium::search {

struct ControllerOptions {
  int units = 35;
  int layers = 2;
  double tanh = 2.5;       // the largest size of a logit; 0: any
  double temperature = 1;  // above 0
  double init = 0.08;      // Θ begins uniform in [-init, init]
};

// What the controller says of one network.
struct Judgement {
  double log_probability = 0;  // of its choices, summed
  double entropy = 0;          // in nats, of the distributions they were drawn from, summed
};

class Controller {
 public:
  // `space` outlives it. Throws usage_error for options that make no sense.
  Controller(const Space& space, const ControllerOptions& options);

  // Where the parts of Θ lie: "lstm.0.weight", "pick.3.softmax", "anchor.v", ...
  const std::vector<nn::BufferInfo>& buffers() const { return buffers_; }
  size_t parameter_count() const { return theta_.size(); }

  // Θ at birth: equal seeds give equal bits.
  std::vector<float> initial(uint64_t seed) const;

  // Takes Θ over. REQUIRES: parameter_count() floats.
  void load(std::span<const float> theta);
  // The same in full precision.
  std::span<double> theta() { return theta_; }

  // Draws a network by Θ.
  Choices sample(Random& random, Judgement* judgement = nullptr);

  // REQUIRES: the space contains `choices`.
  Judgement judge(const Choices& choices);

  // judge(), and adds to `gradient` that of
  //   advantage * log_probability + entropy_weight * entropy
  // where the choices are taken as given. REQUIRES: parameter_count() doubles.
  Judgement add_gradient(const Choices& choices, double advantage, double entropy_weight,
                         std::span<double> gradient);

 private:
  struct Step;
  // Where the parts of Θ begin.
  struct Places {
    size_t start = 0;                  // [units], the first input
    std::vector<size_t> lstm_weights;  // a layer: [2 units, 4 units]
    std::vector<size_t> lstm_biases;   // a layer: [4 units]
    std::vector<size_t> softmax;       // a decision; picks: [options, units]
    std::vector<size_t> embedding;     // likewise
    size_t previous = 0;               // [units, units]
    size_t current = 0;                // likewise
    size_t v = 0;                      // [units]
  };

  size_t add_buffer(const std::string& name, const std::vector<int64_t>& shape);
  std::span<const double> at(size_t place, size_t count) const;
  std::span<const double> weights_of(size_t layer) const;
  std::span<const double> biases_of(size_t layer) const;

  // The steps to a network: the given one, or one that `random` draws.
  std::vector<Step> run(const Choices* given, Random* random) const;
  Judgement judge(const std::vector<Step>& steps) const;
  void advance(const Step* before, Step& step) const;
  void weigh_options(size_t decision, Step& step) const;
  void weigh_anchors(std::span<const Step* const> earlier, Step& step) const;
  std::vector<double> next_input(size_t decision, std::span<const Step* const> anchors,
                                 const Step& step) const;
  double shaped(double logit) const;
  double slope_of(double shaped) const;

  class Backward;

  const Space& space_;
  ControllerOptions options_;
  Places places_;
  std::vector<nn::BufferInfo> buffers_;
  std::vector<double> theta_;
};

}  // namespace podium::search
