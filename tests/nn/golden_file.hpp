// The file that golden_torch.py writes (safetensors: a length, a JSON header, the data), and the
// formulas that it shares with the tests, so that parameters and pixels need not be stored.
#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/random.hpp"
#include "nn/model_fixture.hpp"

namespace podium::nn::golden {

// One network: what to run, and what PyTorch found under "loss", "gradients", ...
struct Case {
  std::string name;
  std::string architecture;
  ImageShape image;
  int images = 0;  // of a batch
  int classes = 0;
  uint64_t seed = 0;
  int correct = 0;
  double float32_error = 0;  // of PyTorch's own gradients, relative to the largest of a buffer
  std::map<std::string, std::vector<double>> results;

  const std::vector<double>& at(const std::string& kind) const { return results.at(kind); }
};

inline std::vector<double> doubles_of(const std::string& bytes, const nlohmann::json& entry) {
  const size_t begin = entry.at("data_offsets")[0];
  const size_t end = entry.at("data_offsets")[1];
  const bool wide = entry.at("dtype") == "F64";
  std::vector<double> values;
  for (size_t at = begin; at < end; at += wide ? sizeof(double) : sizeof(float)) {
    double value = 0;
    float narrow = 0;
    if (wide) {
      std::memcpy(&value, bytes.data() + at, sizeof value);
    } else {
      std::memcpy(&narrow, bytes.data() + at, sizeof narrow);
      value = narrow;
    }
    values.push_back(value);
  }
  return values;
}

// All cases of the file. Throws std::exception when it is missing or damaged.
inline std::vector<Case> read_cases(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string content{std::istreambuf_iterator<char>(file), {}};
  uint64_t header_bytes = 0;
  if (content.size() < sizeof header_bytes) throw std::runtime_error("no " + path.string());
  std::memcpy(&header_bytes, content.data(), sizeof header_bytes);
  const auto header = nlohmann::json::parse(content.substr(sizeof header_bytes, header_bytes));
  const std::string data = content.substr(sizeof header_bytes + header_bytes);

  std::map<std::string, Case> cases;
  const std::string text = header.at("__metadata__").at("cases");
  const auto listed = nlohmann::json::parse(text);
  for (const auto& [name, json] : listed.items()) {
    const auto& image = json.at("image");
    cases[name] = {name,
                   json.at("architecture"),
                   {image[0], image[1], image[2]},
                   json.at("images"),
                   json.at("classes"),
                   json.at("seed"),
                   json.value("correct", 0),
                   json.value("float32_error", 0.0),
                   {}};
  }
  for (const auto& [key, entry] : header.items()) {
    if (key == "__metadata__") continue;
    const size_t slash = key.find('/');
    cases.at(key.substr(0, slash)).results[key.substr(slash + 1)] = doubles_of(data, entry);
  }
  std::vector<Case> list;
  for (auto& [name, each] : cases) list.push_back(std::move(each));
  return list;
}

// noise() of golden_torch.py.
constexpr uint64_t noise(uint64_t seed, uint64_t stream, uint64_t index) {
  return mix64(mix64(mix64(seed) ^ stream) + index);
}

inline float parameter_value(const BufferInfo& buffer, uint64_t seed, uint64_t index) {
  const float unit = static_cast<float>(noise(seed, 1, index) >> 40) * 0x1.0p-23F - 1.0F;
  if (buffer.name.ends_with(".scale")) return 1.0F + 0.5F * unit;
  if (!buffer.name.ends_with(".weight")) return 0.25F * unit;
  const auto fan_in = static_cast<float>(buffer.count) / static_cast<float>(buffer.shape[0]);
  float scale = 1.0F;
  while (scale * scale * fan_in > 6.0F) scale /= 2.0F;
  return scale * unit;
}

// Sets all parameters by formula, in the canonical order of buffers.
inline void set_parameters(Model& model, uint64_t seed) {
  uint64_t index = 0;
  for (const BufferInfo& buffer : model.buffers()) {
    if (buffer.statistic) continue;
    for (size_t i = 0; i < buffer.count; ++i, ++index) {
      model.parameters()[buffer.offset + i] = parameter_value(buffer, seed, index);
    }
  }
}

inline test::Batch batch_of(const Case& a_case, uint64_t number) {
  const auto images = static_cast<uint64_t>(a_case.images);
  const uint64_t pixels = images * static_cast<uint64_t>(a_case.image.size());
  test::Batch batch;
  for (uint64_t i = 0; i < pixels; ++i) {
    batch.images.push_back(static_cast<uint8_t>(noise(a_case.seed, 2, number * pixels + i) >> 56));
  }
  for (uint64_t i = 0; i < images; ++i) {
    const uint64_t drawn = noise(a_case.seed, 3, number * images + i);
    batch.labels.push_back(static_cast<uint8_t>(drawn % static_cast<uint64_t>(a_case.classes)));
  }
  return batch;
}

inline constexpr size_t kSamples = 384;  // SAMPLES of golden_torch.py

inline size_t sample_place(size_t sample, size_t count) {
  return count <= kSamples ? sample : static_cast<size_t>(noise(0, 5, sample) % count);
}

inline double signed_sum(std::span<const float> values) {
  double sum = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    sum += static_cast<double>(values[i]) * ((noise(0, 4, i) & 1) != 0 ? -1.0 : 1.0);
  }
  return sum;
}

}  // namespace podium::nn::golden
