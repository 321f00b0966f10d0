#include "nn/model.hpp"

#include <algorithm>
#include <bit>
#include <map>
#include <new>
#include <set>

#include "core/error.hpp"
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

// `images` [N,H,W,C] with left and right exchanged.
void mirror_images(std::span<const uint8_t> images, const ImageShape& shape,
                   std::vector<uint8_t>& mirrored) {
  mirrored.resize(images.size());
  const auto channels = static_cast<size_t>(shape.channels);
  const auto width = static_cast<size_t>(shape.width);
  const size_t rows = images.size() / (width * channels);
  for (size_t row = 0; row < rows; ++row) {
    const uint8_t* from = images.data() + row * width * channels;
    uint8_t* to = mirrored.data() + (row + 1) * width * channels;
    for (size_t x = 0; x < width; ++x, from += channels) {
      to -= channels;
      std::copy(from, from + channels, to);
    }
  }
}

[[nodiscard]] Error out_of_memory(const ModelCard& card, size_t floats) {
  return unavailable_error("out of memory: model '" + card.name + "' asks for " +
                               std::to_string(floats * sizeof(float) >> 20) + " MiB",
                           "activations", "use a smaller batch or a narrower network");
}

}  // namespace

struct Model::Parts {
  // The executors of one pass, by batch size, and the arena they share.
  struct PassParts {
    explicit PassParts(Pass which) : pass(which) {}
    Pass pass;
    NetworkPlan network;  // lowered
    ActivationPlan places;
    AlignedBuffer arena;
    std::map<int, Executor> executors;
  };

  Parts(ModelCard a_card, std::unique_ptr<Ops> an_ops, int batch)
      : card(std::move(a_card)), ops(std::move(an_ops)), max_batch(batch) {
    require(ops != nullptr, "no backend", "Model");
    require(max_batch > 0, "max_batch must be positive", "Model");
    validate(card, "model '" + card.name + "'");
    plan = plan_network(parse_architecture(card.architecture), card.image, card.classes);
    parameters = allocate(plan.parameter_count);
    gradients = allocate(plan.parameter_count);
    statistics = allocate(plan.statistic_count);
    initialise_buffers(plan, 0, parameters.span(), statistics.span());
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

  Executor& executor(PassParts& parts, int batch) {
    if (parts.arena.data() == nullptr) {
      parts.network = lower(plan, parts.pass, ops->fusions());
      const int largest = parts.pass == Pass::training ? max_batch : inference_batch;
      parts.places = plan_activations(parts.network, largest, parts.pass);
      parts.arena = allocate(parts.places.size);
    }
    const auto found = parts.executors.find(batch);
    if (found != parts.executors.end()) return found->second;
    if (parts.pass == Pass::training && parts.executors.size() == kTrainingSizesKept) {
      parts.executors.clear();
    }
    const NetworkMemory memory{parameters.data(), gradients.data(), statistics.data(),
                               parts.arena.data()};
    return parts.executors
        .emplace(batch, Executor(*ops, parts.network, parts.places, memory, batch, parts.pass))
        .first->second;
  }

  // The executor for `batch` images, with the parameters as they are.
  Executor& ready_to_predict(int batch) {
    if (changed) loaded.clear();
    changed = false;
    Executor& ready = executor(inference, batch);
    if (loaded.insert(batch).second) ready.load_parameters();
    return ready;
  }

  // Leaves the logits of `images` [N,H,W,C] in the executor, which computes `batch` >= N rows.
  void infer(Executor& executor, std::span<const uint8_t> images, int batch) {
    const size_t floats = static_cast<size_t>(batch) * static_cast<size_t>(card.image.size());
    ops->load_images(images, card.preprocess, executor.input());
    std::fill(executor.input() + images.size(), executor.input() + floats, 0.0F);
    executor.forward(key);
  }

  // The same for the mean over the images and their mirror images.
  void infer_mirrored(Executor& executor, std::span<const uint8_t> images, int batch,
                      size_t outputs) {
    infer(executor, images, batch);
    float* logits = executor.logits();
    unmirrored_logits.assign(logits, logits + outputs);
    mirror_images(images, card.image, mirrored);
    infer(executor, mirrored, batch);
    for (size_t i = 0; i < outputs; ++i) logits[i] = 0.5F * (logits[i] + unmirrored_logits[i]);
  }

  // Model::predict() of at most inference_batch images.
  void predict(std::span<const uint8_t> images, std::span<float> probabilities,
               std::span<float> logits) {
    const size_t count = probabilities.size() / static_cast<size_t>(card.classes);
    const int batch = padded_batch(static_cast<int>(count), inference_batch);
    Executor& ready = ready_to_predict(batch);
    if (card.mirror) {
      infer_mirrored(ready, images, batch, probabilities.size());
    } else {
      infer(ready, images, batch);
    }
    ops->softmax({ready.logits(), probabilities.size()}, card.classes, probabilities.data());
    std::copy_n(ready.logits(), logits.size(), logits.begin());
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
  StepKey key;
  bool changed = true;            // parameters or statistics, since the last prediction
  std::set<int> loaded;           // inference executors that have them, by batch size
  std::vector<uint8_t> mirrored;  // kept between predictions
  std::vector<float> unmirrored_logits;
};

Model::Model(ModelCard card, std::unique_ptr<Ops> ops, int max_batch)
    : parts_(std::make_unique<Parts>(std::move(card), std::move(ops), max_batch)) {}
Model::~Model() = default;
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;

void Model::initialise(uint64_t seed) {
  initialise_buffers(parts_->plan, seed, parameters(), statistics());
  set_dropout_stream(seed, 0);
}

Model::StepResult Model::forward_backward(std::span<const uint8_t> images,
                                          std::span<const uint8_t> labels, float label_smoothing) {
  Parts& parts = *parts_;
  parts.check_batch(images.size(), labels.size());
  parts.check_labels(labels);
  const StepKey key = parts.key;
  ++parts.key.step;
  parts.changed = true;
  if (labels.empty()) {
    std::ranges::fill(gradients(), 0.0F);
    return {};
  }
  const int batch = static_cast<int>(labels.size());
  Executor& executor = parts.executor(parts.training, batch);
  parts.ops->load_images(images, parts.card.preprocess, executor.input());
  executor.forward(key);
  const size_t outputs = labels.size() * static_cast<size_t>(parts.card.classes);
  const LossResult loss = parts.ops->cross_entropy({executor.logits(), outputs}, labels,
                                                   label_smoothing, executor.logits_gradient());
  executor.backward(key);
  return {loss.loss_sum, loss.correct};
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

void Model::set_dropout_stream(uint64_t seed, uint64_t step) {
  parts_->key = {seed, step};
}

std::span<float> Model::parameters() {
  parts_->changed = true;
  return parts_->parameters.span();
}
std::span<const float> Model::parameters() const {
  return parts_->parameters.span();
}
std::span<float> Model::gradients() {
  return parts_->gradients.span();
}
std::span<float> Model::statistics() {
  parts_->changed = true;
  return parts_->statistics.span();
}
std::span<const float> Model::statistics() const {
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
