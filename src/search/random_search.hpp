// Random search: networks drawn uniformly from the space, whatever came of the others. What every
// other method is compared with.
#pragma once

#include <vector>

#include "search/method.hpp"

namespace podium::search {

// Uniform over the networks of a space.
Choices random_choices(const Space& space, Random& random);

// The entropy of that in nats; finite also where the number of networks is not.
double uniform_entropy(const Space& space);

class RandomSearch final : public Method {
 public:
  RandomSearch(const Space& space, const MethodOptions& options)
      : space_(space), seed_(options.seed), replica_(options.replica) {}

  std::vector<Choices> propose(size_t count) override;
  void learn(std::span<const Sample>) override {}
  double entropy() const override;
  nlohmann::ordered_json state() const override;
  void resume(const nlohmann::ordered_json& state) override;

 private:
  const Space& space_;
  uint64_t seed_;
  uint64_t replica_;
  uint64_t proposed_ = 0;
};

}  // namespace podium::search
