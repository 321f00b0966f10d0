// Descent: one network's steps down its gradients: the norm clipped, then Adam or SGD
// (ps/rules.hpp), at a rate that stays or falls to zero.
//
// Equal calls give equal bits. Threads: an object belongs to one thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "ckpt/snapshot.hpp"
#include "ps/options.hpp"

namespace podium::learn {

struct DescentOptions {
  enum class Rule { adam, sgd };
  enum class Decay { none, linear };
  Rule rule = Rule::adam;
  Decay decay = Decay::none;
  double lr = 1e-3;
  double most_norm = 0.5;  // of a gradient; longer ones are shortened; 0: any
  double momentum = 0.9;   // sgd
  double beta1 = 0.9;      // adam
  double beta2 = 0.999;
  double epsilon = 1e-5;
};

class Descent {
 public:
  // Throws usage_error for numbers that make no sense.
  Descent(const DescentOptions& options, size_t parameters);

  // Takes a step at `done`, the share of the run's updates that were taken before. Returns the
  // norm of the gradient. Throws usage_error when that is no finite number.
  double step(std::span<float> parameters, std::span<const float> gradient, double done);

  // The rate at `done`.
  double rate(double done) const;

  // What the next step depends on, as buffers whose names begin with `name`.
  std::vector<ckpt::NamedBuffer> save(const std::string& name) const;
  // Throws data_error when they are missing or of another length.
  void load(const ckpt::Snapshot& from, const std::string& name);

 private:
  DescentOptions options_;
  ps::OptimizerOptions rule_;
  std::vector<std::vector<float>> slots_;
};

// The buffer of that name and length. Throws data_error otherwise.
const std::vector<float>& buffer_of(const ckpt::Snapshot& snapshot, const std::string& name,
                                    size_t length);

}  // namespace podium::learn
