#include "serve/protocol/protocol.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <vector>

#include "serve/protocol/json_writer.hpp"
#include "serve/protocol/request_error.hpp"

namespace podium::serve {
namespace {

using Tensor = OutputRequest::Tensor;

size_t most_probable(std::span<const float> row) {
  return static_cast<size_t>(std::max_element(row.begin(), row.end()) - row.begin());
}

void require_finite(std::span<const float> probabilities) {
  const auto finite = [](float value) { return std::isfinite(value); };
  if (!std::all_of(probabilities.begin(), probabilities.end(), finite)) {
    throw RequestError(500, "the model gave a probability that is not finite");
  }
}

// The classes of a row, the `count` most probable first; of equals, the first.
std::vector<size_t> best_classes(std::span<const float> row, size_t count) {
  std::vector<size_t> order(row.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const auto better = [&](size_t a, size_t b) {
    return row[a] > row[b] || (row[a] == row[b] && a < b);
  };
  std::partial_sort(order.begin(), order.begin() + std::ptrdiff_t(count), order.end(), better);
  order.resize(count);
  return order;
}

template <typename Value>
void append_value(std::string* out, Value value) {
  char bytes[sizeof(Value)];
  std::memcpy(bytes, &value, sizeof(Value));
  out->append(bytes, sizeof(Value));
}

// What a client needs to send feedback, and to know what it is about.
void write_choice(const Choice& choice, JsonWriter* json) {
  json->raw(R"(,"feedback_id":)").text(choice.id);
  json->raw(R"(,"chosen_class":)").number(choice.action);
  json->raw(R"(,"chosen_probability":)").number(choice.probability);
}

// The outputs of one reply: their JSON, and the binary tensors that follow it.
class OutputWriter {
 public:
  // `choice` is the class of the one image, or null.
  OutputWriter(const ModelInfo& info, int n, std::span<const float> probabilities,
               const Choice* choice, JsonWriter* json)
      : info_(info),
        n_(static_cast<size_t>(n)),
        probabilities_(probabilities),
        choice_(choice),
        json_(*json) {}

  void write(const OutputRequest& output) {
    const size_t before = binary_.size();
    if (output.labels > 0) {
      head("probabilities", "BYTES", static_cast<size_t>(output.labels));
      labels(output);
    } else if (output.tensor == Tensor::probabilities) {
      head("probabilities", "FP32", static_cast<size_t>(info_.classes));
      numbers(output.binary, probabilities_.size(), [&](size_t i) { return probabilities_[i]; });
    } else {
      head("class", "INT64", 0);
      numbers(output.binary, n_, [&](size_t i) { return static_cast<int64_t>(class_of(i)); });
    }
    if (output.binary) {
      json_.raw(R"(,"parameters":{"binary_data_size":)").number(binary_.size() - before).raw("}");
    }
    json_.raw("}");
  }

  std::string take_binary() { return std::move(binary_); }

 private:
  std::span<const float> row(size_t i) const {
    const auto classes = static_cast<size_t>(info_.classes);
    return probabilities_.subspan(i * classes, classes);
  }

  size_t class_of(size_t i) const {
    return choice_ ? static_cast<size_t>(choice_->action) : most_probable(row(i));
  }

  // `columns` 0: the shape is [n].
  void head(const char* name, const char* datatype, size_t columns) {
    json_.raw(R"({"name":")").raw(name).raw(R"(","datatype":")").raw(datatype);
    json_.raw(R"(","shape":[)").number(n_);
    if (columns > 0) json_.raw(",").number(columns);
    json_.raw("]");
  }

  template <typename ValueAt>
  void numbers(bool binary, size_t count, ValueAt value_at) {
    if (binary) {
      for (size_t i = 0; i < count; ++i) append_value(&binary_, value_at(i));
      return;
    }
    json_.raw(R"(,"data":[)");
    for (size_t i = 0; i < count; ++i) {
      if (i > 0) json_.raw(",");
      json_.number(value_at(i));
    }
    json_.raw("]");
  }

  void labels(const OutputRequest& output) {
    if (!output.binary) json_.raw(R"(,"data":[)");
    for (size_t i = 0; i < n_; ++i) {
      size_t rank = 0;
      for (const size_t index : best_classes(row(i), static_cast<size_t>(output.labels))) {
        const std::string value = label(row(i)[index], index);
        if (output.binary) {
          append_value(&binary_, static_cast<uint32_t>(value.size()));
          binary_.append(value);
        } else {
          if (i + rank++ > 0) json_.raw(",");
          json_.text(value);
        }
      }
    }
    if (!output.binary) json_.raw("]");
  }

  // "score:index:label", or "score:index" where classes have no names.
  std::string label(float score, size_t index) const {
    JsonWriter text(48);
    text.number(score).raw(":").number(index);
    if (!info_.class_names.empty()) text.raw(":").raw(info_.class_names.at(index));
    return text.take();
  }

  const ModelInfo& info_;
  size_t n_;
  std::span<const float> probabilities_;
  const Choice* choice_;
  JsonWriter& json_;
  std::string binary_;
};

}  // namespace

std::string error_body(std::string_view message) {
  JsonWriter writer(32 + message.size());
  return writer.raw(R"({"error":)").text(message).raw("}").take();
}

ReplyBody infer_body(const ModelInfo& info, const Inference& inference,
                     std::span<const float> probabilities, const Computed& computed) {
  require_finite(probabilities);
  JsonWriter json(512 + inference.id.size() + probabilities.size() * 14);
  json.raw(R"({"model_name":)").text(info.model);
  json.raw(R"(,"model_version":")").number(info.version).raw("\"");
  if (!inference.id.empty()) json.raw(R"(,"id":)").text(inference.id);
  json.raw(R"(,"parameters":{"server_replica":)").text(computed.replica);
  json.raw(R"(,"processing_time_ms":)").milliseconds(computed.processing_time_ms);
  if (computed.choice != nullptr) write_choice(*computed.choice, &json);
  json.raw(R"(},"outputs":[)");
  OutputWriter outputs(info, inference.n, probabilities, computed.choice, &json);
  bool binary = false;
  bool first = true;
  for (const OutputRequest& output : inference.outputs) {
    if (!std::exchange(first, false)) json.raw(",");
    outputs.write(output);
    binary |= output.binary;
  }
  json.raw("]}");
  ReplyBody reply;
  if (binary) reply.json_bytes = static_cast<int64_t>(json.size());
  reply.bytes = json.take() + outputs.take_binary();
  return reply;
}

std::string predict_body(const ModelInfo& info, const Inference& inference,
                         std::span<const float> probabilities, const Computed& computed) {
  require_finite(probabilities);
  const Choice* choice = computed.choice;
  const size_t best = choice ? static_cast<size_t>(choice->action) : most_probable(probabilities);
  const std::string name =
      info.class_names.empty() ? std::to_string(best) : info.class_names.at(best);
  JsonWriter writer(256 + inference.id.size());
  writer.raw(R"({"image_id":)").raw(inference.id);
  writer.raw(R"(,"predicted_class":)").text(name);
  writer.raw(R"(,"confidence":)").number(probabilities[best]);
  writer.raw(R"(,"processing_time_ms":)").milliseconds(computed.processing_time_ms);
  writer.raw(R"(,"server_replica":)").text(computed.replica);
  writer.raw(R"(,"model_version":")").number(info.version);
  writer.raw(R"(","class_index":)").number(best);
  if (choice != nullptr) write_choice(*choice, &writer);
  return writer.raw("}").take();
}

}  // namespace podium::serve
