#include "learn/descent.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "ps/rules.hpp"

namespace podium::learn {
namespace {

ps::OptimizerOptions rule_of(const DescentOptions& options) {
  ps::OptimizerOptions rule;
  const bool adam = options.rule == DescentOptions::Rule::adam;
  rule.rule = adam ? ps::Rule::adam : ps::Rule::momentum;
  rule.nesterov = true;
  rule.momentum = static_cast<float>(options.momentum);
  rule.beta1 = static_cast<float>(options.beta1);
  rule.beta2 = static_cast<float>(options.beta2);
  rule.epsilon = static_cast<float>(options.epsilon);
  return rule;
}

void check(const DescentOptions& options) {
  const auto refuse = [](bool fit, const char* key, const char* remedy) {
    if (!fit) throw usage_error(std::string(key) + " is out of range", key, remedy);
  };
  refuse(options.lr >= 0 && options.lr <= 1000, "lr", "give a number from 0 on");
  refuse(options.most_norm >= 0, "max_norm", "give a number from 0 on; 0 clips nothing");
  refuse(options.momentum >= 0 && options.momentum < 1, "momentum", "give a number below 1");
  refuse(options.beta1 >= 0 && options.beta1 < 1, "beta1", "give a number below 1");
  refuse(options.beta2 >= 0 && options.beta2 < 1, "beta2", "give a number below 1");
  refuse(options.epsilon > 0, "epsilon", "give a number above 0");
}

}  // namespace

Descent::Descent(const DescentOptions& options, size_t parameters)
    : options_(options), rule_(rule_of(options)) {
  check(options);
  slots_.assign(ps::slots_of(rule_.rule), std::vector<float>(parameters));
}

double Descent::step(std::span<float> parameters, std::span<const float> gradient, double done) {
  double squares = 0;
  for (const float g : gradient) squares += double{g} * g;
  const double norm = std::sqrt(squares);
  if (!std::isfinite(norm)) {
    throw usage_error("learning has diverged: a gradient is no finite number", "--learn.lr",
                      "use a smaller rate");
  }
  ps::RuleRates rates;
  if (options_.most_norm > 0 && norm > options_.most_norm) {
    rates.scale = static_cast<float>(options_.most_norm / norm);
  }
  rates.lr = static_cast<float>(rate(done));
  ps::RuleMemory memory{parameters.data(), {}};
  for (size_t i = 0; i < slots_.size(); ++i) memory.slots[i] = slots_[i].data();
  ps::apply(rule_, rates, memory, gradient.data(), gradient.size());
  return norm;
}

double Descent::rate(double done) const {
  const bool falls = options_.decay == DescentOptions::Decay::linear;
  return falls ? options_.lr * std::clamp(1 - done, 0.0, 1.0) : options_.lr;
}

std::vector<ckpt::NamedBuffer> Descent::save(const std::string& name) const {
  std::vector<ckpt::NamedBuffer> buffers;
  for (size_t i = 0; i < slots_.size(); ++i) {
    buffers.push_back({name + ".slot" + std::to_string(i), {slots_[i].size()}, slots_[i]});
  }
  return buffers;
}

void Descent::load(const ckpt::Snapshot& from, const std::string& name) {
  for (size_t i = 0; i < slots_.size(); ++i) {
    slots_[i] = buffer_of(from, name + ".slot" + std::to_string(i), slots_[i].size());
  }
}

const std::vector<float>& buffer_of(const ckpt::Snapshot& snapshot, const std::string& name,
                                    size_t length) {
  const auto found = std::ranges::find(snapshot.buffers, name, &ckpt::NamedBuffer::name);
  if (found == snapshot.buffers.end() || found->values.size() != length) {
    throw data_error("a state of other networks or of another optimizer", "buffer '" + name + "'",
                     "use the settings that it was saved with, or another --run.dir");
  }
  return found->values;
}

}  // namespace podium::learn
