#include "search/controller.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "search/controller_step.hpp"
#include "search/vectors.hpp"

namespace podium::search {
namespace {

void check(const ControllerOptions& options) {
  const auto refuse = [](const char* what, const char* key, const char* remedy) {
    throw usage_error(what, key, remedy);
  };
  if (options.units < 1 || options.units > 1024) {
    refuse("a controller of no or too many units", "search.units", "give 1 to 1024");
  }
  if (options.layers < 1 || options.layers > 8) {
    refuse("a controller of no or too many layers", "search.layers", "give 1 to 8");
  }
  if (!(options.tanh >= 0) || !std::isfinite(options.tanh)) {
    refuse("the tanh constant is no size", "search.tanh", "give 0 for none, or a number above");
  }
  if (!(options.temperature > 0) || !std::isfinite(options.temperature)) {
    refuse("the temperature is not above 0", "search.temperature", "give for instance 1");
  }
}

std::vector<double> softmax(const std::vector<double>& logits) {
  const double largest = *std::ranges::max_element(logits);
  std::vector<double> shares;
  double sum = 0;
  for (const double logit : logits) sum += shares.emplace_back(std::exp(logit - largest));
  for (double& share : shares) share /= sum;
  return shares;
}

int draw(const std::vector<double>& probabilities, Random& random) {
  double left = random.uniform();
  for (size_t i = 0; i + 1 < probabilities.size(); ++i) {
    left -= probabilities[i];
    if (left < 0) return static_cast<int>(i);
  }
  return static_cast<int>(probabilities.size()) - 1;
}

}  // namespace

double entropy_of(const std::vector<double>& probabilities) {
  double entropy = 0;
  for (const double p : probabilities) entropy -= p > 0 ? p * std::log(p) : 0;
  return entropy;
}

double entropy_of(double probability) {
  return entropy_of(std::vector<double>{probability, 1 - probability});
}

double log_probability_of(double logit, bool chosen) {
  return -std::log1p(std::exp(chosen ? -logit : logit));
}

Controller::Controller(const Space& space, const ControllerOptions& options)
    : space_(space), options_(options) {
  check(options);
  const int64_t units = options.units;
  places_.start = add_buffer("start", {units});
  for (int layer = 0; layer < options.layers; ++layer) {
    const std::string name = "lstm." + std::to_string(layer);
    places_.lstm_weights.push_back(add_buffer(name + ".weight", {2 * units, 4 * units}));
    places_.lstm_biases.push_back(add_buffer(name + ".bias", {4 * units}));
  }
  int anchors = 0;
  for (size_t i = 0; i < space.decisions().size(); ++i) {
    const Decision& decision = space.decisions()[i];
    const bool picks = decision.kind == Decision::Kind::pick;
    const int64_t rows = picks ? decision.options : 0;
    const std::string name = "pick." + std::to_string(i);
    places_.softmax.push_back(picks ? add_buffer(name + ".softmax", {rows, units}) : 0);
    places_.embedding.push_back(picks ? add_buffer(name + ".embedding", {rows, units}) : 0);
    if (!picks) ++anchors;
  }
  if (anchors > 1) {
    places_.previous = add_buffer("anchor.previous", {units, units});
    places_.current = add_buffer("anchor.current", {units, units});
    places_.v = add_buffer("anchor.v", {units});
  }
}

size_t Controller::add_buffer(const std::string& name, const std::vector<int64_t>& shape) {
  size_t count = 1;
  for (const int64_t extent : shape) count *= static_cast<size_t>(extent);
  const size_t offset = theta_.size();
  buffers_.push_back({name, shape, offset, count, false, false});
  theta_.resize(offset + count);
  return offset;
}

std::vector<float> Controller::initial(uint64_t seed) const {
  std::vector<float> theta;
  Random random(seed);
  for (size_t i = 0; i < theta_.size(); ++i) {
    theta.push_back(static_cast<float>(options_.init * (2 * random.uniform() - 1)));
  }
  return theta;
}

void Controller::load(std::span<const float> theta) {
  require(theta.size() == theta_.size(), "these parameters are of another controller", "search");
  std::ranges::copy(theta, theta_.begin());
}

Choices Controller::sample(Random& random, Judgement* judgement) {
  const std::vector<Step> steps = run(nullptr, &random);
  if (judgement != nullptr) *judgement = judge(steps);
  Choices choices;
  for (const Step& step : steps) {
    choices.insert(choices.end(), step.chosen.begin(), step.chosen.end());
  }
  return choices;
}

Judgement Controller::judge(const Choices& choices) {
  return judge(run(&choices, nullptr));
}

Judgement Controller::judge(const std::vector<Step>& steps) const {
  Judgement judgement;
  for (size_t i = 0; i < steps.size(); ++i) {
    const Step& step = steps[i];
    if (space_.decisions()[i].kind == Decision::Kind::pick) {
      const double p = step.probabilities[static_cast<size_t>(step.chosen.front())];
      judgement.log_probability += std::log(p);
      judgement.entropy += entropy_of(step.probabilities);
      continue;
    }
    for (size_t j = 0; j < step.logits.size(); ++j) {
      judgement.log_probability += log_probability_of(step.logits[j], step.chosen[j] == 1);
      judgement.entropy += entropy_of(step.probabilities[j]);
    }
  }
  return judgement;
}

std::vector<Controller::Step> Controller::run(const Choices* given, Random* random) const {
  std::vector<Step> steps;
  steps.reserve(space_.decisions().size());  // anchors are pointed to
  std::vector<const Step*> anchors;
  auto choice = given != nullptr ? given->begin() : Choices::const_iterator{};
  for (size_t i = 0; i < space_.decisions().size(); ++i) {
    const bool picks = space_.decisions()[i].kind == Decision::Kind::pick;
    Step& step = steps.emplace_back();
    advance(i == 0 ? nullptr : &steps[i - 1], step);
    if (picks) {
      weigh_options(i, step);
      step.chosen = {given != nullptr ? *choice++ : draw(step.probabilities, *random)};
    } else {
      weigh_anchors(anchors, step);
      for (const double p : step.probabilities) {
        step.chosen.push_back(given != nullptr ? *choice++ : random->uniform() < p ? 1 : 0);
      }
    }
    step.output = next_input(i, anchors, step);
    if (!picks) anchors.push_back(&step);
  }
  return steps;
}

// One step of the LSTM.
void Controller::advance(const Step* before, Step& step) const {
  const auto units = static_cast<size_t>(options_.units);
  const std::vector<double> zeros(units, 0.0);
  const std::span<const double> start = at(places_.start, units);
  std::vector<double> input =
      before != nullptr ? before->output : std::vector<double>(start.begin(), start.end());
  for (size_t layer = 0; layer < places_.lstm_weights.size(); ++layer) {
    LstmStep& cell = step.layers.emplace_back();
    cell.input = std::move(input);
    cell.h_before = before != nullptr ? before->layers[layer].h : zeros;
    cell.c_before = before != nullptr ? before->layers[layer].c : zeros;
    lstm_forward(weights_of(layer), biases_of(layer), cell);
    input = cell.h;
  }
}

void Controller::weigh_options(size_t decision, Step& step) const {
  const auto units = static_cast<size_t>(options_.units);
  const auto options = static_cast<size_t>(space_.decisions()[decision].options);
  const std::span<const double> weights = at(places_.softmax[decision], options * units);
  for (size_t i = 0; i < options; ++i) {
    step.logits.push_back(shaped(dot(row_of(weights, i, units), step.h())));
  }
  step.probabilities = softmax(step.logits);
}

void Controller::weigh_anchors(std::span<const Step* const> earlier, Step& step) const {
  const auto units = static_cast<size_t>(options_.units);
  if (earlier.empty()) return;
  const std::span<const double> previous = at(places_.previous, units * units);
  const std::span<const double> current = at(places_.current, units * units);
  for (const Step* anchor : earlier) {
    std::vector<double>& attention = step.attention.emplace_back();
    for (size_t k = 0; k < units; ++k) {
      attention.push_back(std::tanh(dot(row_of(previous, k, units), anchor->h()) +
                                    dot(row_of(current, k, units), step.h())));
    }
    step.logits.push_back(shaped(dot(at(places_.v, units), attention)));
    step.probabilities.push_back(1 / (1 + std::exp(-step.logits.back())));
  }
}

std::vector<double> Controller::next_input(size_t decision, std::span<const Step* const> anchors,
                                           const Step& step) const {
  const auto units = static_cast<size_t>(options_.units);
  if (space_.decisions()[decision].kind == Decision::Kind::pick) {
    const auto row = static_cast<size_t>(step.chosen.front());
    const std::span<const double> embedding = at(places_.embedding[decision] + row * units, units);
    return {embedding.begin(), embedding.end()};
  }
  std::vector<double> mean = step.h();
  for (size_t j = 0; j < anchors.size(); ++j) add(step.chosen[j], anchors[j]->h(), mean);
  const double share = step.share();
  for (double& each : mean) each *= share;
  return mean;
}

double Controller::shaped(double logit) const {
  const double cooled = logit / options_.temperature;
  return options_.tanh > 0 ? options_.tanh * std::tanh(cooled) : cooled;
}

// How fast shaped() rises where its value is `shaped`.
double Controller::slope_of(double shaped) const {
  if (options_.tanh == 0) return 1 / options_.temperature;
  const double ratio = shaped / options_.tanh;
  return options_.tanh * (1 - ratio * ratio) / options_.temperature;
}

std::span<const double> Controller::at(size_t place, size_t count) const {
  return std::span<const double>(theta_).subspan(place, count);
}

std::span<const double> Controller::weights_of(size_t layer) const {
  const auto units = static_cast<size_t>(options_.units);
  return at(places_.lstm_weights[layer], 8 * units * units);
}

std::span<const double> Controller::biases_of(size_t layer) const {
  return at(places_.lstm_biases[layer], 4 * static_cast<size_t>(options_.units));
}

}  // namespace podium::search
