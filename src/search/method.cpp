#include "search/method.hpp"

#include <array>

#include "core/error.hpp"
#include "core/text.hpp"
#include "search/evolution.hpp"
#include "search/random_search.hpp"
#include "search/reinforce.hpp"

namespace podium::search {

std::unique_ptr<Method> make_method(const MethodOptions& options, const Space& space,
                                    ThetaStore* theta) {
  if (options.name == "random") return std::make_unique<RandomSearch>(space, options);
  if (options.name == "evolution") return std::make_unique<Evolution>(space, options);
  if (options.name == "reinforce") {
    require(theta != nullptr, "reinforce without a store of its parameters", "search");
    return std::make_unique<Reinforce>(space, *theta, options);
  }
  const std::array<std::string, 3> known = {"reinforce", "random", "evolution"};
  throw usage_error("unknown method '" + options.name + "'", "search.method",
                    "did you mean '" + nearest_word(options.name, known) + "'?");
}

}  // namespace podium::search
