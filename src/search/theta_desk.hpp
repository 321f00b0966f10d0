// ThetaDesk: where the controllers of a search find their parameters, Θ.
//
// Here rank 0 holds Θ with its optimizer, and serves the controllers' pulls and pushes in the order
// in which they come. Threads: belongs to the thread of its search.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "search/method.hpp"
#include "search/theta_store.hpp"

namespace podium::search {

class ThetaDesk {
 public:
  // For a method without parameters it stays empty.
  ThetaDesk(const MethodOptions& method, const AdamOptions& adam, const Space& space);

  // Serves {pull} and {push}: what to answer; nothing for a push. Throws data_error for anything
  // else.
  std::optional<nlohmann::ordered_json> serve(const nlohmann::ordered_json& message);

  nlohmann::ordered_json state() const;
  void resume(const nlohmann::ordered_json& state);

 private:
  size_t count_ = 0;
  std::optional<LocalTheta> theta_;
};

}  // namespace podium::search
