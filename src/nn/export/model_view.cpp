#include "nn/export/model_view.hpp"

#include <nlohmann/json.hpp>

#include "nn/architecture.hpp"

namespace podium::nn {

ModelView::ModelView(const Model& model)
    : card(model.card()),
      plan(plan_network(parse_architecture(card.architecture), card.image, card.classes)),
      parameters(model.parameters()),
      statistics(model.statistics()) {}

std::span<const float> ModelView::values_of(const BufferInfo& buffer) const {
  return (buffer.statistic ? statistics : parameters).subspan(buffer.offset, buffer.count);
}

Properties properties_of(const ModelCard& card) {
  using Json = nlohmann::ordered_json;
  const Json image = {card.image.height, card.image.width, card.image.channels};
  const Json preprocess = {{"mean", card.preprocess.mean}, {"stddev", card.preprocess.stddev}};
  return {{"name", card.name},
          {"architecture", card.architecture},
          {"image", image.dump()},
          {"class_names", Json(card.class_names).dump()},
          {"preprocess", preprocess.dump()},
          {"tta", card.mirror ? "flip" : "none"}};
}

}  // namespace podium::nn
