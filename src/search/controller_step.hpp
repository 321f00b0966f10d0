// What the controller keeps of one decision between its forward and its backward pass.
#pragma once

#include <numeric>
#include <vector>

#include "search/controller.hpp"
#include "search/lstm.hpp"

namespace podium::search {

struct Controller::Step {
  std::vector<double> input;                   // of the lowest layer
  std::vector<LstmStep> layers;                // lowest first
  std::vector<double> logits;                  // shaped; one an option
  std::vector<double> probabilities;           // pick: of the options; anchor: of each to be added
  std::vector<int> chosen;                     // pick: one; anchor: 0 or 1 each
  std::vector<std::vector<double>> attention;  // anchor: tanh(Wp h_j + Wc h) for each j
  std::vector<double> output;                  // the next step's input

  const std::vector<double>& h() const { return layers.back().h; }

  // Of each h in the mean that an anchor hands on.
  double share() const { return 1.0 / (1 + std::accumulate(chosen.begin(), chosen.end(), 0)); }
};

// Of a pick's softmax, or of one sigmoid, whose logit is given.
double entropy_of(const std::vector<double>& probabilities);
double entropy_of(double probability);
double log_probability_of(double logit, bool chosen);

}  // namespace podium::search
