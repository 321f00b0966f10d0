#include "nn/model.hpp"

#include <algorithm>
#include <bit>
#include <map>
#include <new>
#include <set>

#include "core/error.hpp"
#include "core/span_names.hpp"
#include "nn/executor.hpp"
#include "nn/initialise.hpp"
#include "nn/memory_plan.hpp"
#include "nn/network_plan.hpp"
#include "nn/ops.hpp"

namespace podium::nn {
namespace {

// A run needs two training sizes: the batch and the tail of an epoch. More are kept, not unbounded.
constexpr size_t kTrainingSizesKept = 8;

// Predictions run at the sizes 1, 2, 3, 4, 6, 8, 12, 16, 24, ...: few primitives, and at most a
// third of the work wasted.
int padded_batch(int images, int max_batch) {
  int power = 1;
  while (power < images) power *= 2;
  const int between = power / 4 * 3;
  return std::min(images <= between ? between : power, max_batch);
}

[[nodiscard]] Error out_of_memory(const ModelCard& card, size_t floats) {
  return unavailable_error("out of memory: model '" + card.name + "' asks for " +
                               std::to_string(floats * sizeof(float) >> 20) + " MiB",
                           "activations", "use a smaller batch or a narrower network");
}

}  // namespace

struct Model::Parts {
  // One batch size of a pass. What is recorded refers to the executor, which stays in its place.
  struct Sized {
    Executor executor;
    std::unique_ptr<Program> forward;
    std::unique_ptr<Program> backward;  // training
  };

  // The executors of one pass, by batch size, and the arena they share.
  struct PassParts {
    explicit PassParts(Pass which) : pass(which) {}
    Pass pass;
    NetworkPlan network;  // lowered
    ActivationPlan places;
    AlignedBuffer arena;
    std::map<int, Sized> executors;
  };

  Lane lane;  // empty: nobody wants to see steps

  Parts(ModelCard a_card, std::unique_ptr<Ops> an_ops, int batch, Weights weights)
      : card(std::move(a_card)), ops(std::move(an_ops)), max_batch(batch) {
    require(ops != nullptr, "no backend", "Model");
    require(max_batch > 0, "max_batch must be positive", "Model");
    validate(card, "model '" + card.name + "'");
    plan = plan_network(parse_architecture(card.architecture), card.image, card.classes);
    parameters = allocate(plan.parameter_count);
    gradients = allocate(plan.parameter_count);
    statistics = allocate(plan.statistic_count);
    if (weights == Weights::initial) {
      initialise_buffers(plan, 0, parameters.span(), statistics.span());
    } else {
      std::ranges::fill(parameters.span(), 0.0F);
      std::ranges::fill(statistics.span(), 0.0F);
    }
    inference_batch = fitting_batch();
  }

  // The images that are predicted together.
  int fitting_batch() const {
    int64_t largest = 1;
    for (const ValuePlan& value : plan.values) largest = std::max(largest, value.shape.size());
    const uint64_t fitting = ops->inference_floats() / static_cast<uint64_t>(largest);
    return static_cast<int>(
        std::clamp<uint64_t>(std::bit_floor(fitting), 1, static_cast<uint64_t>(max_batch)));
  }

  AlignedBuffer allocate(size_t count) const {
    try {
      return ops->allocate(count);
    } catch (const std::bad_alloc&) {
      throw out_of_memory(card, count);
    }
  }

  AlignedBuffer allocate_activations(size_t count) const {
    try {
      return ops->allocate_activations(count);
    } catch (const std::bad_alloc&) {
      throw out_of_memory(card, count);
    }
  }

  Sized& executor(PassParts& parts, int batch) {
    if (parts.arena.data() == nullptr) {
      parts.network = lower(plan, parts.pass, ops->fusions());
      const int largest = parts.pass == Pass::training ? max_batch : inference_batch;
      parts.places = plan_activations(parts.network, largest, parts.pass);
      parts.arena = allocate_activations(parts.places.size);
    }
    const auto found = parts.executors.find(batch);
    if (found != parts.executors.end()) return found->second;
    if (parts.pass == Pass::training && parts.executors.size() == kTrainingSizesKept) {
      ops->synchronise();
      parts.executors.clear();
    }
    const NetworkMemory memory{parameters.data(), gradients.data(), statistics.data(),
                               parts.arena.data()};
    Sized& made =
        parts.executors
            .emplace(batch,
                     Sized{Executor(*ops, parts.network, parts.places, memory, batch, parts.pass),
                           nullptr, nullptr})
            .first->second;
    made.forward = ops->record([this, &made] { made.executor.forward(running); });
    made.backward = ops->record([this, &made] { made.executor.backward(running, listener); });
    return made;
  }

  // The backward pass of the step begun. A recorded one tells nobody what it will have finished.
  void backward(Sized& step, const GradientsReady& ready) {
    if (ops->on_host()) listener = ready;
    step.backward->run();
    ops->end_backward();
    listener = {};
    if (ops->on_host() || !ready) return;
    ops->synchronise();
    ready(0);
  }

  // The executor for `batch` images, with the parameters as they are.
  Sized& ready_to_predict(int batch) {
    if (changed) loaded.clear();
    changed = false;
    Sized& ready = executor(inference, batch);
    if (loaded.insert(batch).second) ready.executor.load_parameters();
    return ready;
  }

  InputPlace place_of(const Executor& executor, Pass pass, bool mirrored = false) const {
    return {executor.input(), card.image, executor.batch(), pass, mirrored};
  }

  // Leaves the logits of `images` [N,H,W,C], as they are or mirrored, in the executor, which
  // computes N rows or more.
  void infer(Sized& ready, std::span<const uint8_t> images, bool mirrored) {
    ops->load_images(images, card.preprocess, place_of(ready.executor, Pass::inference, mirrored));
    ready.forward->run();
  }

  // The logits of the images as they are, put aside; those of their mirror images are in the
  // executor afterwards.
  std::span<const float> infer_mirrored(Sized& ready, std::span<const uint8_t> images,
                                        size_t outputs) {
    if (unmirrored_logits.size() == 0) {
      unmirrored_logits = allocate_activations(static_cast<size_t>(inference_batch) *
                                               static_cast<size_t>(card.classes));
    }
    infer(ready, images, false);
    ops->copy({ready.executor.logits(), outputs}, unmirrored_logits.data());
    infer(ready, images, true);
    return {unmirrored_logits.data(), outputs};
  }

  // Model::predict() of at most inference_batch images.
  void predict(std::span<const uint8_t> images, std::span<float> probabilities,
               std::span<float> logits) {
    const size_t count = probabilities.size() / static_cast<size_t>(card.classes);
    const int batch = padded_batch(static_cast<int>(count), inference_batch);
    Sized& ready = ready_to_predict(batch);
    std::span<const float> others;
    if (card.mirror) {
      others = infer_mirrored(ready, images, probabilities.size());
    } else {
      infer(ready, images, false);
    }
    ops->softmax({ready.executor.logits(), probabilities.size()}, others, card.classes,
                 probabilities, logits);
  }

  void check_batch(size_t images_bytes, size_t count) const {
    require(count <= static_cast<size_t>(max_batch), "a batch is larger than max_batch", "Model");
    require(images_bytes == count * static_cast<size_t>(card.image.size()),
            "image bytes do not match the number of images", "Model");
  }

  void check_labels(std::span<const uint8_t> labels) const {
    const auto bad = std::ranges::find_if(labels, [&](uint8_t l) { return l >= card.classes; });
    if (bad == labels.end()) return;
    throw data_error("label " + std::to_string(*bad) + " of a model with " +
                         std::to_string(card.classes) + " classes",
                     "image " + std::to_string(bad - labels.begin()) + " of a batch",
                     "check the labels of the data set");
  }

  ModelCard card;
  std::unique_ptr<Ops> ops;
  int max_batch;
  int inference_batch = 1;
  NetworkPlan plan;
  AlignedBuffer parameters;
  AlignedBuffer gradients;
  AlignedBuffer statistics;
  PassParts training{Pass::training};
  PassParts inference{Pass::inference};
  StepKey key;                      // of the next step
  StepKey running;                  // of the last one begun
  GradientsReady listener;          // of the backward pass under way; empty: nobody
  bool changed = true;              // parameters or statistics, since the last prediction
  std::set<int> loaded;             // inference executors that have them, by batch size
  AlignedBuffer unmirrored_logits;  // [inference_batch,classes], kept between predictions
};

Model::Model(ModelCard card, std::unique_ptr<Ops> ops, int max_batch, Weights weights)
    : parts_(std::make_unique<Parts>(std::move(card), std::move(ops), max_batch, weights)) {}
Model::~Model() = default;
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;

void Model::initialise(uint64_t seed) {
  initialise_buffers(parts_->plan, seed, parameters(), statistics());
  set_dropout_stream(seed, 0);
}

Model::StepResult Model::forward_backward(std::span<const uint8_t> images,
                                          std::span<const uint8_t> labels, float label_smoothing,
                                          const GradientsReady& ready) {
  Parts& parts = *parts_;
  parts.check_batch(images.size(), labels.size());
  parts.check_labels(labels);
  parts.running = parts.key;
  ++parts.key.step;
  parts.changed = true;
  if (labels.empty()) {
    std::ranges::fill(gradients(), 0.0F);
    if (ready) ready(0);
    return {};
  }
  const int batch = static_cast<int>(labels.size());
  Parts::Sized& step = parts.executor(parts.training, batch);
  const Executor& executor = step.executor;
  parts.ops->begin_step(parts.running);
  parts.ops->load_images(images, parts.card.preprocess, parts.place_of(executor, Pass::training));
  {
    const Timed span(parts.lane, spans::forward);
    step.forward->run();
  }
  const Timed span(parts.lane, spans::backward);
  const size_t outputs = labels.size() * static_cast<size_t>(parts.card.classes);
  parts.ops->cross_entropy({executor.logits(), outputs}, labels, label_smoothing,
                           executor.logits_gradient());
  parts.backward(step, ready);
  const LossResult loss = parts.ops->loss();
  return {loss.loss_sum, loss.correct};
}

void Model::trace(Lane lane) {
  parts_->lane = std::move(lane);
}

void Model::predict(std::span<const uint8_t> images, std::span<float> probabilities,
                    std::span<float> logits) {
  Parts& parts = *parts_;
  const auto classes = static_cast<size_t>(parts.card.classes);
  const size_t count = probabilities.size() / classes;
  require(count * classes == probabilities.size(), "probabilities are not [N,classes]", "predict");
  require(logits.empty() || logits.size() == count * classes, "logits are not [N,classes]",
          "predict");
  parts.check_batch(images.size(), count);
  const size_t bytes = static_cast<size_t>(parts.card.image.size());
  const auto piece = static_cast<size_t>(parts.inference_batch);
  for (size_t first = 0; first < count; first += piece) {
    const size_t size = std::min(piece, count - first);
    const std::span<float> scores =
        logits.empty() ? logits : logits.subspan(first * classes, size * classes);
    parts.predict(images.subspan(first * bytes, size * bytes),
                  probabilities.subspan(first * classes, size * classes), scores);
  }
}

// The first prediction of a size runs call by call, the second is recorded. The largest come first:
// scratch memory that suffices for them suffices for all.
std::vector<int> Model::prediction_sizes() const {
  std::vector<int> sizes;
  for (int n = 1; n <= parts_->inference_batch; ++n) {
    if (padded_batch(n, parts_->inference_batch) == n) sizes.push_back(n);
  }
  return sizes;
}

void Model::prepare_predictions() {
  Parts& parts = *parts_;
  if (parts.ops->on_host()) return;
  const std::vector<int> sizes = prediction_sizes();
  const auto largest = static_cast<size_t>(sizes.back());
  const auto classes = static_cast<size_t>(parts.card.classes);
  const auto bytes = static_cast<size_t>(parts.card.image.size());
  const std::vector<uint8_t> images(largest * bytes);
  std::vector<float> probabilities(largest * classes);
  for (auto size = sizes.rbegin(); size != sizes.rend(); ++size) {
    const auto n = static_cast<size_t>(*size);
    for (int round = 0; round < 2; ++round) {
      predict(std::span(images).first(n * bytes), std::span(probabilities).first(n * classes));
    }
  }
}

void Model::set_dropout_stream(uint64_t seed, uint64_t step) {
  parts_->key = {seed, step};
}

Ops& Model::ops() {
  return *parts_->ops;
}

Executor& Model::training_executor(int batch) {
  require(batch > 0 && batch <= parts_->max_batch, "a batch that is larger than max_batch",
          "Model::training_executor");
  return parts_->executor(parts_->training, batch).executor;
}

std::span<float> Model::parameters() {
  parts_->changed = true;
  parts_->ops->synchronise();
  return parts_->parameters.span();
}
std::span<const float> Model::parameters() const {
  parts_->ops->synchronise();
  return parts_->parameters.span();
}
std::span<float> Model::gradients() {
  parts_->ops->synchronise();
  return parts_->gradients.span();
}
std::span<float> Model::statistics() {
  parts_->changed = true;
  parts_->ops->synchronise();
  return parts_->statistics.span();
}
std::span<const float> Model::statistics() const {
  parts_->ops->synchronise();
  return parts_->statistics.span();
}
const std::vector<BufferInfo>& Model::buffers() const {
  return parts_->plan.buffers;
}
const ModelCard& Model::card() const {
  return parts_->card;
}
int Model::max_batch() const {
  return parts_->max_batch;
}
int64_t Model::flops_per_image() const {
  return parts_->plan.flops;
}
std::string Model::summary() const {
  return summary_table(parts_->plan);
}
std::string Model::backend() const {
  return parts_->ops->description();
}
int64_t Model::parameter_count() const {
  return static_cast<int64_t>(parts_->plan.parameter_count);
}

}  // namespace podium::nn
