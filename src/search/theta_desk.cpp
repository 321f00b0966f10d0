#include "search/theta_desk.hpp"

#include <vector>

#include "core/error.hpp"

namespace podium::search {

using Json = nlohmann::ordered_json;

ThetaDesk::ThetaDesk(const MethodOptions& method, const AdamOptions& adam, const Space& space) {
  if (method.name != "reinforce") return;
  const Controller controller(space, method.reinforce.controller);
  count_ = controller.parameter_count();
  theta_.emplace(controller.initial(method.seed), adam);
}

std::optional<Json> ThetaDesk::serve(const Json& message) {
  require(theta_.has_value(), "a method without parameters asks for none", "search");
  if (message.contains("pull")) {
    std::vector<float> theta(count_);
    theta_->pull(theta);
    return Json{{"theta", theta}};
  }
  const auto gradient = message.at("push").get<std::vector<float>>();
  require(gradient.size() == count_, "controllers and their parameters agree", "search");
  theta_->push(gradient);
  return {};
}

Json ThetaDesk::state() const {
  return theta_ ? theta_->state() : Json();
}

void ThetaDesk::resume(const Json& state) {
  if (theta_ && !state.is_null()) theta_->resume(state);
}

}  // namespace podium::search
