// The controller's backward pass: from the last decision to the first. A step's h is used by its
// own distribution, by the next step, and, where it is an anchor's, by later anchors: in their
// attention and in the means they hand on.
#include <cmath>

#include "search/controller.hpp"
#include "search/controller_step.hpp"
#include "search/vectors.hpp"

namespace podium::search {

class Controller::Backward {
 public:
  Backward(const Controller& controller, const std::vector<Step>& steps, double advantage,
           double entropy_weight, std::span<double> gradient)
      : controller_(controller),
        steps_(steps),
        units_(static_cast<size_t>(controller.options_.units)),
        advantage_(advantage),
        entropy_weight_(entropy_weight),
        gradient_(gradient),
        top_(steps.size(), std::vector<double>(units_, 0.0)),
        h_(controller.places_.lstm_weights.size(), std::vector<double>(units_, 0.0)),
        c_(h_) {}

  void run() {
    std::vector<double> output(units_, 0.0);  // gradient of the step's
    for (size_t i = steps_.size(); i-- > 0;) {
      if (decision(i).kind == Decision::Kind::pick) {
        options(i, output);
      } else {
        anchors(i, output);
      }
      output = lstm(i);
    }
    add(1, output, at(controller_.places_.start, units_));
  }

 private:
  void options(size_t i, std::span<const double> output) {
    const Step& step = steps_[i];
    const auto chosen = static_cast<size_t>(step.chosen.front());
    add(1, output, at(controller_.places_.embedding[i] + chosen * units_, units_));
    const double entropy = entropy_of(step.probabilities);
    for (size_t k = 0; k < step.logits.size(); ++k) {
      const double p = step.probabilities[k];
      const double surprise = p > 0 ? std::log(p) + entropy : 0;
      const double slope =
          advantage_ * ((k == chosen ? 1 : 0) - p) - entropy_weight_ * p * surprise;
      const double logit = slope * controller_.slope_of(step.logits[k]);
      const size_t row = controller_.places_.softmax[i] + k * units_;
      add(logit, step.h(), at(row, units_));
      add(logit, controller_.at(row, units_), top_[i]);
    }
  }

  void anchors(size_t i, std::span<const double> output) {
    const Step& step = steps_[i];
    add(step.share(), output, top_[i]);
    size_t j = 0;
    for (size_t before = 0; before < i; ++before) {
      if (decision(before).kind != Decision::Kind::anchor) continue;
      if (step.chosen[j] == 1) add(step.share(), output, top_[before]);
      attention(i, before, j++);
    }
  }

  // Of adding the `j`th anchor, decided at step `earlier`.
  void attention(size_t i, size_t earlier, size_t j) {
    const Step& step = steps_[i];
    const Places& places = controller_.places_;
    const double p = step.probabilities[j];
    const double slope =
        advantage_ * (step.chosen[j] - p) - entropy_weight_ * step.logits[j] * p * (1 - p);
    const double logit = slope * controller_.slope_of(step.logits[j]);
    add(logit, step.attention[j], at(places.v, units_));
    for (size_t k = 0; k < units_; ++k) {
      const double tanh = step.attention[j][k];
      const double sum = logit * controller_.theta_[places.v + k] * (1 - tanh * tanh);
      const size_t previous = places.previous + k * units_;
      const size_t current = places.current + k * units_;
      add(sum, steps_[earlier].h(), at(previous, units_));
      add(sum, controller_.at(previous, units_), top_[earlier]);
      add(sum, step.h(), at(current, units_));
      add(sum, controller_.at(current, units_), top_[i]);
    }
  }

  // Returns the gradient of the step's input.
  std::vector<double> lstm(size_t i) {
    std::vector<double> input = top_[i];
    for (size_t layer = h_.size(); layer-- > 0;) {
      add(1, input, h_[layer]);
      const size_t weights = controller_.places_.lstm_weights[layer];
      const size_t biases = controller_.places_.lstm_biases[layer];
      lstm_backward(
          controller_.weights_of(layer), steps_[i].layers[layer],
          {h_[layer], c_[layer], input, at(weights, 8 * units_ * units_), at(biases, 4 * units_)});
    }
    return input;
  }

  const Decision& decision(size_t i) const { return controller_.space_.decisions()[i]; }
  std::span<double> at(size_t place, size_t count) { return gradient_.subspan(place, count); }

  const Controller& controller_;
  const std::vector<Step>& steps_;
  size_t units_;
  double advantage_;
  double entropy_weight_;
  std::span<double> gradient_;
  std::vector<std::vector<double>> top_;  // of each step's h, from all but the next step
  std::vector<std::vector<double>> h_;    // of each layer's h and c, from the step behind
  std::vector<std::vector<double>> c_;
};

Judgement Controller::add_gradient(const Choices& choices, double advantage, double entropy_weight,
                                   std::span<double> gradient) {
  const std::vector<Step> steps = run(&choices, nullptr);
  Backward(*this, steps, advantage, entropy_weight, gradient).run();
  return judge(steps);
}

}  // namespace podium::search
