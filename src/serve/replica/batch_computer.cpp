#include "serve/replica/batch_computer.hpp"

#include <algorithm>
#include <cmath>
#include <exception>

#include "core/clock.hpp"
#include "serve/protocol/compression.hpp"
#include "serve/protocol/protocol.hpp"
#include "serve/protocol/request_error.hpp"

namespace podium::serve {
namespace {

uint64_t nanoseconds(SteadyClock::duration time) {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(time).count());
}

double milliseconds(SteadyClock::duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

}  // namespace

void BatchComputer::compute(Batch* batch, Predictor* predictor) {
  const ModelInfo& info = predictor->info();
  std::erase_if(*batch, [&](const QueuedInference& item) { return refuse_unfit(item, info); });
  if (batch->empty()) return;
  const Progress::Working working(progress_);
  const auto begun = SteadyClock::now();
  std::vector<float> probabilities;
  try {
    probabilities = predict_all(*batch, predictor);
  } catch (const std::exception& failure) {
    for (const QueuedInference& item : *batch) {
      refuse(item.id, 500, std::string("the model failed: ") + failure.what());
    }
    return;
  }
  ReplyCost cost;
  cost.version = static_cast<uint32_t>(info.version);
  cost.infer_ns = nanoseconds(SteadyClock::now() - begun);
  cost.batch_images =
      static_cast<uint32_t>(probabilities.size() / static_cast<size_t>(info.classes));
  size_t row = 0;
  for (const QueuedInference& item : *batch) {
    const size_t count = static_cast<size_t>(item.inference.n) * static_cast<size_t>(info.classes);
    cost.images = static_cast<uint32_t>(item.inference.n);
    cost.input_ns = nanoseconds(item.parsed - item.received);
    cost.queue_ns = nanoseconds(begun - item.parsed);
    answer_inference(item, info, std::span(probabilities).subspan(row, count), cost);
    row += count;
  }
}

// A version swapped after the request was parsed may have another number or shape.
bool BatchComputer::refuse_unfit(const QueuedInference& item, const ModelInfo& info) {
  const bool named = item.version == 0 || item.version == info.version;
  const bool shaped =
      item.inference.images.size() == static_cast<size_t>(item.inference.n) * info.image_bytes();
  if (named && shaped) return false;
  refuse(item.id, 404,
         "the version asked for was replaced by version " + std::to_string(info.version));
  return true;
}

// All images of the batch in order, in pieces that the model takes: [images,classes].
std::vector<float> BatchComputer::predict_all(const Batch& batch, Predictor* predictor) {
  const ModelInfo& info = predictor->info();
  std::vector<uint8_t> gathered;
  if (batch.size() > 1) {
    for (const QueuedInference& item : batch) {
      gathered.insert(gathered.end(), item.inference.images.begin(), item.inference.images.end());
    }
  }
  const std::vector<uint8_t>& images = batch.size() > 1 ? gathered : batch.front().inference.images;
  const size_t total = images.size() / info.image_bytes();
  const auto limit = static_cast<size_t>(std::min(max_batch_, info.max_batch));
  const auto classes = static_cast<size_t>(info.classes);
  std::vector<float> probabilities(total * classes);
  for (size_t first = 0; first < total; first += limit) {
    const size_t n = std::min(limit, total - first);
    progress_.step();
    predictor->predict(
        std::span(images).subspan(first * info.image_bytes(), n * info.image_bytes()),
        static_cast<int>(n), std::span(probabilities).subspan(first * classes, n * classes));
  }
  return probabilities;
}

void BatchComputer::answer_inference(const QueuedInference& item, const ModelInfo& info,
                                     std::span<const float> probabilities, ReplyCost cost) {
  const auto begun = SteadyClock::now();
  const auto finite = [](float value) { return std::isfinite(value); };
  if (!std::ranges::all_of(probabilities, finite)) {
    return refuse(item.id, 500, "the model's outputs are not finite");
  }
  const std::optional<Choice> choice = choose(item, probabilities);
  const Computed computed{replica_, milliseconds(begun - item.received),
                          choice ? &*choice : nullptr};
  try {
    ReplyFields fields;
    std::string body;
    if (item.predict) {
      body = predict_body(info, item.inference, probabilities, computed);
    } else {
      ReplyBody reply = infer_body(info, item.inference, probabilities, computed);
      body = std::move(reply.bytes);
      fields.json_bytes = reply.json_bytes;
    }
    if (item.fields.wanted != Encoding::identity && body.size() >= least_compressed_bytes) {
      fields.encoding = item.fields.wanted;
      body = compress(body, fields.encoding);
    }
    cost.output_ns = nanoseconds(SteadyClock::now() - begun);
    fields.cost = cost;
    if (choice) tell(item, info, *choice);
    answer_(item.id, fields, body);
  } catch (const RequestError& error) {
    refuse(item.id, error.status(), error.what());
  }
}

// About several images there is no feedback.
std::optional<Choice> BatchComputer::choose(const QueuedInference& item,
                                            std::span<const float> probabilities) {
  if (!chooser_ || item.inference.n != 1) return {};
  return chooser_->choose(probabilities, own_feedback_id(item.inference.id, item.predict));
}

void BatchComputer::tell(const QueuedInference& item, const ModelInfo& info, const Choice& choice) {
  const std::vector<uint8_t>& image = item.inference.images;
  tell_(item.id, {info.version,
                  choice.action,
                  choice.probability,
                  choice.id,
                  {reinterpret_cast<const char*>(image.data()), image.size()}});
}

void BatchComputer::refuse(uint64_t id, int status, const std::string& why) {
  ReplyFields fields;
  fields.status = status;
  answer_(id, fields, error_body(why));
}

}  // namespace podium::serve
