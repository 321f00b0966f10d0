#include "serve/protocol/protocol.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "serve/protocol/request_error.hpp"

namespace podium::serve {
namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& document) {
  return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Appends JSON text; numbers in their shortest form that reads back the same.
class Writer {
 public:
  explicit Writer(size_t reserve_bytes) { out_.reserve(reserve_bytes); }

  Writer& raw(std::string_view text) {
    out_.append(text);
    return *this;
  }
  Writer& text(std::string_view value) { return raw(dump(Json(std::string(value)))); }

  template <typename Number>
  Writer& number(Number value) {
    std::array<char, 32> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    out_.append(digits.data(), end);
    return *this;
  }

  // Milliseconds to the microsecond.
  Writer& milliseconds(double value) { return number(std::round(value * 1e3) / 1e3); }

  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

size_t most_probable(std::span<const float> row) {
  return static_cast<size_t>(std::max_element(row.begin(), row.end()) - row.begin());
}

void require_finite(std::span<const float> probabilities) {
  const auto finite = [](float value) { return std::isfinite(value); };
  if (!std::all_of(probabilities.begin(), probabilities.end(), finite)) {
    throw RequestError(500, "the model gave a probability that is not finite");
  }
}

void write_probabilities(Writer* writer, const ModelInfo& info, int n,
                         std::span<const float> probabilities) {
  writer->raw(R"({"name":"probabilities","datatype":"FP32","shape":[)").number(n).raw(",");
  writer->number(info.classes).raw(R"(],"data":[)");
  for (size_t i = 0; i < probabilities.size(); ++i) {
    if (i > 0) writer->raw(",");
    writer->number(probabilities[i]);
  }
  writer->raw("]}");
}

void write_classes(Writer* writer, const ModelInfo& info, int n,
                   std::span<const float> probabilities) {
  const auto classes = static_cast<size_t>(info.classes);
  writer->raw(R"({"name":"class","datatype":"INT64","shape":[)").number(n).raw(R"(],"data":[)");
  for (size_t i = 0; i < static_cast<size_t>(n); ++i) {
    if (i > 0) writer->raw(",");
    writer->number(most_probable(probabilities.subspan(i * classes, classes)));
  }
  writer->raw("]}");
}

}  // namespace

std::string error_body(std::string_view message) {
  return dump(Json{{"error", std::string(message)}});
}

std::string infer_body(const ModelInfo& info, const Inference& inference,
                       std::span<const float> probabilities, const Computed& computed) {
  require_finite(probabilities);
  Writer writer(384 + inference.id.size() + probabilities.size() * 14);
  writer.raw(R"({"model_name":)").text(info.model);
  writer.raw(R"(,"model_version":")").number(info.version).raw("\"");
  if (!inference.id.empty()) writer.raw(R"(,"id":)").text(inference.id);
  writer.raw(R"(,"parameters":{"server_replica":)").text(computed.replica);
  writer.raw(R"(,"processing_time_ms":)").milliseconds(computed.processing_time_ms);
  writer.raw(R"(},"outputs":[)");
  if (inference.wants_probabilities) {
    write_probabilities(&writer, info, inference.n, probabilities);
    if (inference.wants_class) writer.raw(",");
  }
  if (inference.wants_class) write_classes(&writer, info, inference.n, probabilities);
  writer.raw("]}");
  return writer.take();
}

std::string predict_body(const ModelInfo& info, const Inference& inference,
                         std::span<const float> probabilities, const Computed& computed) {
  require_finite(probabilities);
  const size_t best = most_probable(probabilities);
  const std::string name =
      info.class_names.empty() ? std::to_string(best) : info.class_names.at(best);
  Writer writer(256 + inference.id.size());
  writer.raw(R"({"image_id":)").raw(inference.id);
  writer.raw(R"(,"predicted_class":)").text(name);
  writer.raw(R"(,"confidence":)").number(probabilities[best]);
  writer.raw(R"(,"processing_time_ms":)").milliseconds(computed.processing_time_ms);
  writer.raw(R"(,"server_replica":)").text(computed.replica);
  writer.raw(R"(,"model_version":")").number(info.version);
  writer.raw(R"(","class_index":)").number(best).raw("}");
  return writer.take();
}

}  // namespace podium::serve
