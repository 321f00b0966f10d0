// Reading predictions back, and computing them again without the code that made them.
#pragma once

#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "ckpt/snapshot.hpp"

namespace podium::test {

inline std::string bytes_of(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

// The rows of a CSV text, fields unquoted as RFC 4180 says.
inline std::vector<std::vector<std::string>> parse_csv(const std::string& text) {
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> row;
  std::string field;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '"' && i + 1 < text.size() && text[i + 1] == '"') {
      field += c;
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && (c == ',' || c == '\n')) {
      row.push_back(std::move(field));
      field.clear();
      if (c == ',') continue;
      rows.push_back(std::move(row));
      row.clear();
    } else {
      field += c;
    }
  }
  return rows;
}

struct CsvPredictions {
  explicit CsvPredictions(const std::filesystem::path& path) : rows(parse_csv(bytes_of(path))) {
    header = rows.front();
    rows.erase(rows.begin());
  }

  const std::string& at(size_t row, const std::string& column) const {
    for (size_t i = 0; i < header.size(); ++i) {
      if (header[i] == column) return rows.at(row).at(i);
    }
    throw std::runtime_error("no column " + column);
  }
  double number(size_t row, const std::string& column) const {
    return std::strtod(at(row, column).c_str(), nullptr);
  }

  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;
};

// The model "dense classes", computed in double from its file alone.
class LinearModel {
 public:
  explicit LinearModel(const std::filesystem::path& file) {
    const ckpt::Snapshot snapshot = ckpt::read_snapshot(file);
    const nlohmann::ordered_json& card = snapshot.card.at("model");
    mean_ = card.at("preprocess").at("mean").at(0);
    stddev_ = card.at("preprocess").at("stddev").at(0);
    for (const ckpt::NamedBuffer& buffer : snapshot.buffers) {
      (buffer.name.ends_with("weight") ? weights_ : bias_) = buffer.values;
    }
  }

  // Of one gray image.
  std::vector<double> logits(const uint8_t* pixels) const {
    const size_t inputs = weights_.size() / bias_.size();
    std::vector<double> outputs(bias_.begin(), bias_.end());
    for (size_t k = 0; k < outputs.size(); ++k) {
      for (size_t i = 0; i < inputs; ++i) {
        outputs[k] += weights_[k * inputs + i] * ((pixels[i] / 255.0 - mean_) / stddev_);
      }
    }
    return outputs;
  }

  static std::vector<double> softmax(std::vector<double> values) {
    double sum = 0;
    for (double& value : values) sum += value = std::exp(value);
    for (double& value : values) value /= sum;
    return values;
  }

 private:
  double mean_ = 0;
  double stddev_ = 1;
  std::vector<float> weights_;  // [classes,inputs]
  std::vector<float> bias_;
};

}  // namespace podium::test
