// TimedEnvironment: an environment whose steps take a given time, for benchmarks.
//
// The time is slept, not computed: it is that of a simulator or a service elsewhere. Durations come
// from a seed, whatever the actions are. Steps that end late are made up for by the next ones.
#pragma once

#include <cstdint>
#include <memory>

#include "core/clock.hpp"
#include "core/random.hpp"
#include "learn/environment.hpp"

namespace podium::learn {

struct StepTimes {
  enum class Tail {
    none,       // all steps take as long
    lognormal,  // the logarithm of the time is normal, with deviation `spread`
    one_in,     // one in `one_in` takes `times` as long as the others
  };
  Tail tail = Tail::none;
  double mean_ms = 0;  // whatever the tail
  double spread = 1;
  int one_in = 20;
  double times = 10;
  int together = 1;  // so many steps take as long as each other: a whole rollout, for instance
};

// Of step `step`, counted from 0 over all episodes.
double step_ms(const StepTimes& times, uint64_t seed, uint64_t step);

class TimedEnvironment final : public Environment {
 public:
  // Throws usage_error for times that make no sense.
  TimedEnvironment(std::unique_ptr<Environment> inner, const StepTimes& times, uint64_t seed);

  const EnvironmentInfo& info() const override { return inner_->info(); }
  void reset(uint64_t seed, std::span<std::byte> observation) override;
  Outcome step(int action, std::span<std::byte> observation) override;

 private:
  std::unique_ptr<Environment> inner_;
  StepTimes times_;
  uint64_t seed_;
  uint64_t steps_ = 0;
  double behind_s_ = 0;  // that the steps so far took too long
};

}  // namespace podium::learn
