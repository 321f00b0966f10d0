#include "serve/feedback/chooser.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/hash.hpp"

namespace podium::serve {
namespace {

int likeliest(std::span<const float> probabilities) {
  return static_cast<int>(std::ranges::max_element(probabilities) - probabilities.begin());
}

// What rounding leaves over at the end goes to the likeliest.
int draw(std::span<const float> probabilities, double uniform) {
  double left = uniform * std::accumulate(probabilities.begin(), probabilities.end(), 0.0);
  for (size_t i = 0; i < probabilities.size(); ++i) {
    left -= probabilities[i];
    if (left < 0) return static_cast<int>(i);
  }
  return likeliest(probabilities);
}

}  // namespace

Choice Chooser::choose(std::span<const float> probabilities, std::string own_id) {
  Choice choice;
  choice.id = std::move(own_id);
  if (choice.id.empty() || choice.id.size() > most_feedback_id_bytes) {
    choice.id = to_hex(random_.next());
  }
  if (deciding_ == Deciding::explore) {
    choice.action = draw(probabilities, random_.uniform());
    choice.probability = probabilities[static_cast<size_t>(choice.action)];
  } else {
    choice.action = likeliest(probabilities);
  }
  return choice;
}

std::string own_feedback_id(const std::string& id, bool predict) {
  if (!predict) return id;
  const nlohmann::json json = nlohmann::json::parse(id, nullptr, false);
  if (json.is_string()) return json.get<std::string>();
  return json.is_number_integer() ? id : "";
}

}  // namespace podium::serve
