#include "serve/balancer/outlier_watch.hpp"

#include <algorithm>

#include "core/text.hpp"

namespace podium::serve {
namespace {

constexpr size_t most_answers = 256;  // of a window are kept

double median(std::vector<float> values) {
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return static_cast<double>(*middle);
}

}  // namespace

OutlierWatch::Record& OutlierWatch::record(size_t replica) {
  if (all_.size() <= replica) all_.resize(replica + 1);
  return all_[replica];
}

std::optional<OutlierWatch::Verdict> OutlierWatch::answered(size_t replica, int status,
                                                            double milliseconds,
                                                            std::span<const ReplicaLoad> replicas,
                                                            Time now) {
  Record& own = record(replica);
  if (rules_.slower > 0 && own.answers.size() < most_answers)
    own.answers.push_back(static_cast<float>(milliseconds));
  if (status == 503 || status == 504) return {};
  own.errors = status >= 500 ? own.errors + 1 : 0;
  if (own.errors < rules_.errors) return {};
  if (!may_eject(replica, replicas) || !another_is_well(replica, replicas)) return {};
  const std::string why = std::to_string(own.errors) + " errors in a row";
  eject(replica, now);
  return Verdict{replica, why};
}

std::vector<OutlierWatch::Verdict> OutlierWatch::review(std::span<const ReplicaLoad> replicas,
                                                        Time now) {
  std::vector<Verdict> verdicts;
  for (size_t i = 0; i < all_.size(); ++i) {
    Record& own = all_[i];
    if (own.away && now >= own.until) {
      own.away = false;
      verdicts.push_back({i, ""});
    } else if (!own.away && now >= own.until + rules_.longest_away) {
      own.times_away = 0;
    }
  }
  if (rules_.slower > 0 && now - window_begun_ >= rules_.window) {
    close_window(replicas, now, &verdicts);
  }
  return verdicts;
}

void OutlierWatch::close_window(std::span<const ReplicaLoad> replicas, Time now,
                                std::vector<Verdict>* verdicts) {
  window_begun_ = now;
  std::vector<double> medians(all_.size(), -1);
  for (size_t i = 0; i < all_.size(); ++i) {
    if (all_[i].answers.size() >= rules_.least_answers) medians[i] = median(all_[i].answers);
    all_[i].answers.clear();
  }
  for (size_t i = 0; i < all_.size(); ++i) {
    std::vector<float> others;
    for (size_t j = 0; j < all_.size(); ++j) {
      if (j != i && medians[j] >= 0) others.push_back(static_cast<float>(medians[j]));
    }
    // Who had too little to do in this window is neither better nor worse for it.
    if (medians[i] < 0 || others.empty()) continue;
    const double usual = median(others);
    const bool slow = medians[i] > usual * rules_.slower && medians[i] > usual + rules_.slower_ms;
    all_[i].slow_windows = slow ? all_[i].slow_windows + 1 : 0;
    if (all_[i].slow_windows < 2 || !may_eject(i, replicas)) continue;
    eject(i, now);
    verdicts->push_back({i, format("%.0f ms to answer, others %.0f ms", medians[i], usual)});
  }
}

bool OutlierWatch::may_eject(size_t replica, std::span<const ReplicaLoad> replicas) const {
  if (all_[replica].away || replica >= replicas.size() || !replicas[replica].ready) return false;
  size_t serving = 0;
  size_t away = 0;
  for (size_t i = 0; i < replicas.size(); ++i) {
    if (!replicas[i].ready) continue;
    ++serving;
    if (ejected(i)) ++away;
  }
  return 2 * (away + 1) <= serving;
}

// All failing alike is no outlier: the requests are bad, or the version.
bool OutlierWatch::another_is_well(size_t replica, std::span<const ReplicaLoad> replicas) const {
  for (size_t i = 0; i < replicas.size(); ++i) {
    if (i == replica || !replicas[i].ready || ejected(i)) continue;
    if (i >= all_.size() || all_[i].errors == 0) return true;
  }
  return false;
}

void OutlierWatch::eject(size_t replica, Time now) {
  Record& own = all_[replica];
  const auto away = rules_.first_away * (1 << std::min(own.times_away, 10));
  own.errors = 0;
  own.slow_windows = 0;
  own.answers.clear();
  own.away = true;
  ++own.times_away;
  own.until = now + std::min<SteadyClock::duration>(away, rules_.longest_away);
}

void OutlierWatch::forget(size_t replica) {
  if (replica < all_.size()) all_[replica] = {};
}

}  // namespace podium::serve
