#include "learn/timed_environment.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include "core/error.hpp"

namespace podium::learn {

double step_ms(const StepTimes& times, uint64_t seed, uint64_t step) {
  Random random(seed, step / static_cast<uint64_t>(times.together), 0x74696d65);
  switch (times.tail) {
    case StepTimes::Tail::none:
      break;
    case StepTimes::Tail::lognormal:
      return times.mean_ms *
             std::exp(times.spread * random.normal() - 0.5 * times.spread * times.spread);
    case StepTimes::Tail::one_in: {
      const double usual = times.mean_ms / (1 + (times.times - 1) / times.one_in);
      const bool slow = random.below(static_cast<uint64_t>(times.one_in)) == 0;
      return slow ? usual * times.times : usual;
    }
  }
  return times.mean_ms;
}

TimedEnvironment::TimedEnvironment(std::unique_ptr<Environment> inner, const StepTimes& times,
                                   uint64_t seed)
    : inner_(std::move(inner)), times_(times), seed_(seed) {
  const bool sensible = times.mean_ms >= 0 && times.spread >= 0 && times.one_in > 0 &&
                        times.times > 0 && times.together > 0;
  if (!sensible) {
    throw usage_error("times of steps that make no sense", inner_->info().name,
                      "give a mean of 0 or more and counts above 0");
  }
}

void TimedEnvironment::reset(uint64_t seed, std::span<std::byte> observation) {
  inner_->reset(seed, observation);
}

Outcome TimedEnvironment::step(int action, std::span<std::byte> observation) {
  const Stopwatch taken;
  const Outcome outcome = inner_->step(action, observation);
  const double due_s = step_ms(times_, seed_, steps_++) / 1000;
  const double left_s = due_s - behind_s_ - taken.seconds();
  if (left_s > 0) std::this_thread::sleep_for(std::chrono::duration<double>(left_s));
  // What a busy machine took is not made up for without end.
  behind_s_ = std::clamp(behind_s_ + taken.seconds() - due_s, 0.0, 0.1);
  return outcome;
}

}  // namespace podium::learn
