// Regularised evolution (Real et al. 2019): of a few members drawn from the population the best has
// one choice changed; the child joins, and the oldest leaves, however good it is.
//
// Until the population is full, proposals are random. Members join in the order in which they are
// learnt from, so that children that come back late do not hold up the others.
#pragma once

#include <deque>
#include <vector>

#include "search/method.hpp"

namespace podium::search {

class Evolution final : public Method {
 public:
  // `space` outlives it. Throws usage_error.
  Evolution(const Space& space, const MethodOptions& options);

  std::vector<Choices> propose(size_t count) override;
  void learn(std::span<const Sample> samples) override;
  // Of the values in the population at each choice, summed.
  double entropy() const override;
  nlohmann::ordered_json state() const override;
  void resume(const nlohmann::ordered_json& state) override;

 private:
  const Choices& parent(Random& random) const;
  void mutate(Choices& choices, Random& random) const;

  const Space& space_;
  EvolutionOptions options_;
  uint64_t seed_;
  uint64_t replica_;
  uint64_t proposed_ = 0;
  std::deque<Sample> population_;  // oldest first
};

}  // namespace podium::search
