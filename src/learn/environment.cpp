#include "learn/environment.hpp"

#include "core/error.hpp"
#include "learn/cartpole.hpp"
#include "learn/image_bandit.hpp"

namespace podium::learn {

size_t EnvironmentInfo::observation_bytes() const {
  const size_t values = static_cast<size_t>(shape.channels) * static_cast<size_t>(shape.height) *
                        static_cast<size_t>(shape.width);
  return type == ObservationType::image ? values : values * sizeof(float);
}

std::unique_ptr<Environment> make_environment(const EnvironmentOptions& options) {
  if (options.name == "cartpole") return std::make_unique<CartPole>();
  if (options.name == "image_bandit") {
    if (options.dataset == nullptr) {
      throw usage_error("no data set for the environment", "image_bandit", "set --io.source");
    }
    return std::make_unique<ImageBandit>(options.dataset, options.split);
  }
  throw usage_error("unknown environment '" + options.name + "'", "--learn.environment",
                    "use cartpole or image_bandit");
}

}  // namespace podium::learn
