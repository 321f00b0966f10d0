// Predictions as a sealed HDF5 file: one dataset each of classes, probabilities, logits, labels and
// names, so far as they are known. Blocks go to their places as they come.
#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/error.hpp"
#include "io/files/hdf5_file.hpp"
#include "io/files/seal.hpp"
#include "workflow/prediction_file.hpp"

namespace podium::workflow {
namespace {

constexpr io::Schema predictions_schema{"podium.predictions", 1, "classify the images again"};

template <typename T>
void add_bytes(std::string& bytes, const std::vector<T>& values) {
  bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

// Takes `count` values off the front of `bytes`.
template <typename T>
std::vector<T> take_values(std::string_view& bytes, size_t count) {
  std::vector<T> values(count);
  require(bytes.size() >= count * sizeof(T), "a block has the bytes of its records", "Hdf5File");
  std::memcpy(values.data(), bytes.data(), count * sizeof(T));
  bytes.remove_prefix(count * sizeof(T));
  return values;
}

// The longest name; 0 when records have none of their own.
size_t name_width(const io::ImageInput& input) {
  size_t width = 0;
  if (!input.info().named) return width;
  for (uint64_t i = 0; i < input.info().records; ++i) width = std::max(width, input.name(i).size());
  return width;
}

class Hdf5Predictions final : public PredictionFile {
 public:
  Hdf5Predictions(const std::filesystem::path& path, const PredictionSubject& subject)
      : input_(subject.input),
        classes_(subject.model.classes.size()),
        records_(subject.input.info().records),
        name_width_(name_width(subject.input)),
        temporary_(path),
        file_(io::Hdf5File::create(temporary_, data_bytes(subject))) {
    const std::vector<uint64_t> table{records_, classes_};
    predicted_ = file_.create_dataset<uint32_t>("class", {records_}, 0);
    probabilities_ = file_.create_dataset<float>("probabilities", table, 0);
    if (subject.model.gives_logits) logits_ = file_.create_dataset<float>("logits", table, 0);
    if (subject.labelled) labels_ = file_.create_dataset<uint32_t>("labels", {records_}, 0);
    if (name_width_ > 0) names_ = file_.create_texts("names", records_, name_width_);
    using Json = nlohmann::json;
    const auto text = [](const Json& json) {
      return json.dump(-1, ' ', false, Json::error_handler_t::replace);
    };
    file_.write_attribute("schema", predictions_schema.name);
    file_.write_attribute("version", std::to_string(predictions_schema.version));
    file_.write_attribute("class_names", text(subject.model.classes));
    file_.write_attribute("model", subject.model.model);
    file_.write_attribute("model_version", subject.model.version);
    file_.write_attribute("input", subject.input.info().text);
  }

  void write(uint64_t first, size_t count, std::string_view encoded) override {
    put(predicted_, first, take_values<uint32_t>(encoded, count));
    put(probabilities_, first, take_values<float>(encoded, count * classes_));
    if (logits_) put(logits_, first, take_values<float>(encoded, count * classes_));
    if (labels_) put(labels_, first, take_values<uint32_t>(encoded, count));
    if (names_) {
      std::vector<std::string> names(count);
      for (size_t i = 0; i < count; ++i) names[i] = input_.name(first + i);
      names_->write_texts(first, names);
    }
    require(encoded.empty(), "a block has the bytes of its records", "Hdf5Predictions");
    written_ += count;
  }

  void finish() override {
    require(written_ == records_, "all records are written", "Hdf5Predictions");
    for (auto* dataset : {&predicted_, &probabilities_, &logits_, &labels_, &names_}) {
      dataset->reset();
    }
    file_.close();
    io::seal_and_publish(temporary_, predictions_schema);
  }

 private:
  template <typename T>
  static void put(std::optional<io::Hdf5Dataset>& dataset, uint64_t first,
                  const std::vector<T>& values) {
    dataset->write(first, std::span<const T>(values));
  }

  uint64_t data_bytes(const PredictionSubject& subject) const {
    const uint64_t tables = subject.model.gives_logits ? 2 : 1;
    const uint64_t numbers = 1 + (subject.labelled ? 1 : 0) + tables * classes_;
    return records_ * (numbers * sizeof(float) + name_width_);
  }

  const io::ImageInput& input_;
  size_t classes_;
  uint64_t records_;
  size_t name_width_;
  uint64_t written_ = 0;
  io::TemporaryFile temporary_;
  io::Hdf5File file_;
  std::optional<io::Hdf5Dataset> predicted_;
  std::optional<io::Hdf5Dataset> probabilities_;
  std::optional<io::Hdf5Dataset> logits_;
  std::optional<io::Hdf5Dataset> labels_;
  std::optional<io::Hdf5Dataset> names_;
};

}  // namespace

bool holds_hdf5_predictions(const std::filesystem::path& path) {
  try {
    io::read_seal(path, predictions_schema);
    return true;
  } catch (const Error&) {
    return false;
  }
}

std::string encode_hdf5(const Predictions& block) {
  std::string bytes;
  add_bytes(bytes, block.predicted);
  add_bytes(bytes, block.probabilities);
  add_bytes(bytes, block.logits);
  add_bytes(bytes, block.labels);
  return bytes;
}

std::unique_ptr<PredictionFile> create_hdf5(const std::filesystem::path& path,
                                            const PredictionSubject& subject) {
  return std::make_unique<Hdf5Predictions>(path, subject);
}

}  // namespace podium::workflow
