#include "learn/environment.hpp"

namespace podium::learn {

size_t EnvironmentInfo::observation_bytes() const {
  const size_t values = static_cast<size_t>(shape.channels) * static_cast<size_t>(shape.height) *
                        static_cast<size_t>(shape.width);
  return type == ObservationType::image ? values : values * sizeof(float);
}

}  // namespace podium::learn
