#include "serve/replica/canary.hpp"

#include "core/random.hpp"
#include "core/text.hpp"

namespace podium::serve {
namespace {

// What both versions may do now and then is no objection: a request that hurts any model.
constexpr double failures_forgiven = 0.01;  // of the answers, beyond twice those of the old version
constexpr int64_t failures_to_judge = 2;    // before the trial is over
constexpr int64_t answers_to_compare = 20;  // of each version
constexpr double times_slower = 3;          // in the median
constexpr double slower_ms = 1;             // and by so much: a busy core is no fault of a version

}  // namespace

bool Canary::serves(uint64_t key) const {
  return Random(key, static_cast<uint64_t>(version_)).uniform() < options_.share;
}

void Canary::answered(bool on_trial, int status, double milliseconds) {
  Record& record = on_trial ? new_ : old_;
  ++record.answers;
  if (status >= 500) {
    ++record.failures;
  } else if (status == 200) {
    record.latency.record(milliseconds);
  }
}

Canary::Verdict Canary::verdict(std::chrono::milliseconds tried) const {
  const bool over = new_.answers >= options_.requests || tried >= options_.time;
  if (takes_longer()) return Verdict::rolled_back;
  if (fails_more() && (over || new_.failures >= failures_to_judge)) return Verdict::rolled_back;
  return over ? Verdict::promoted : Verdict::on_trial;
}

std::string Canary::objection() const {
  if (fails_more()) {
    return format("%lld of its %lld answers were errors, of the old version's %lld of %lld",
                  static_cast<long long>(new_.failures), static_cast<long long>(new_.answers),
                  static_cast<long long>(old_.failures), static_cast<long long>(old_.answers));
  }
  if (takes_longer()) {
    return format("half of its answers took %.3f ms or longer, of the old version's %.3f ms",
                  new_.latency.percentile(0.5), old_.latency.percentile(0.5));
  }
  return {};
}

bool Canary::fails_more() const {
  return new_.failures > 0 && new_.failure_rate() > 2 * old_.failure_rate() + failures_forgiven;
}

bool Canary::takes_longer() const {
  if (new_.latency.count() < answers_to_compare || old_.latency.count() < answers_to_compare) {
    return false;
  }
  return new_.latency.percentile(0.5) > times_slower * old_.latency.percentile(0.5) + slower_ms;
}

}  // namespace podium::serve
