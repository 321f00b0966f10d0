// ModelView: all that an exporter reads of a model, and the texts that go with it.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "nn/model.hpp"
#include "nn/network_plan.hpp"

namespace podium::nn {

using Properties = std::vector<std::pair<std::string, std::string>>;  // key, value

// Its spans are the model's own buffers: the model must outlive it.
struct ModelView {
  ModelCard card;
  NetworkPlan plan;
  std::span<const float> parameters;
  std::span<const float> statistics;

  explicit ModelView(const Model& model);

  // The canonical values of one of plan.buffers.
  std::span<const float> values_of(const BufferInfo& buffer) const;
};

// What a file says of its model: name, architecture, image ([H,W,C]), class_names and preprocess
// (both JSON), tta (flip or none), in UTF-8.
Properties properties_of(const ModelCard& card);

}  // namespace podium::nn
