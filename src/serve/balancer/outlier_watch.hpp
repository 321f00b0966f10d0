// OutlierWatch: replicas that answer worse than the others, and for how long they get no requests.
//
// A replica is ejected
// - after `errors` answers of status 500 in a row, while another one does not fail so;
// - when in two windows of `window` running its median time to answer is `slower` times that of the
//   median other, and `slower_ms` more. Two replicas suffice to tell: it is compared with the
//   others, not with a deviation.
// It comes back after `first_away`, twice as long each further time, at most `longest_away`; a
// replica that behaved for `longest_away` has its past forgotten. At most half of the replicas that
// are ready are away, and one always stays. Statuses 503 and 504 count for nothing: they tell of
// load, which ejecting would only make worse. With the hash policy times are not compared: a
// replica whose clients send large requests is not to blame. Pure; used by one thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "serve/balancer/balancer.hpp"

namespace podium::serve {

struct OutlierRules {
  int errors = 5;
  std::chrono::milliseconds window{1'000};
  size_t least_answers = 10;  // of a window, to be judged by
  double slower = 4;          // 0: times are not compared
  double slower_ms = 20;
  std::chrono::milliseconds first_away{2'000};
  std::chrono::milliseconds longest_away{60'000};
};

class OutlierWatch {
 public:
  using Time = SteadyClock::time_point;

  // What changed for one replica; `why` is empty when it comes back.
  struct Verdict {
    size_t replica = 0;
    std::string why;
  };

  explicit OutlierWatch(const OutlierRules& rules) : rules_(rules) {}

  // Replica `replica` answered. `replicas` says which are ready. A verdict is one of
  // ejection.
  std::optional<Verdict> answered(size_t replica, int status, double milliseconds,
                                  std::span<const ReplicaLoad> replicas, Time now);

  // To be called now and then: closes windows, and lets replicas come back.
  std::vector<Verdict> review(std::span<const ReplicaLoad> replicas, Time now);

  // Another process takes the place of the replica.
  void forget(size_t replica);

  bool ejected(size_t replica) const { return replica < all_.size() && all_[replica].away; }

 private:
  struct Record {
    int errors = 0;              // in a row
    std::vector<float> answers;  // their milliseconds, within this window
    int slow_windows = 0;        // in a row
    bool away = false;
    int times_away = 0;
    Time until{};  // away until, or away last
  };

  Record& record(size_t replica);
  bool may_eject(size_t replica, std::span<const ReplicaLoad> replicas) const;
  bool another_is_well(size_t replica, std::span<const ReplicaLoad> replicas) const;
  void eject(size_t replica, Time now);
  void close_window(std::span<const ReplicaLoad> replicas, Time now,
                    std::vector<Verdict>* verdicts);

  OutlierRules rules_;
  std::vector<Record> all_;
  Time window_begun_{};
};

}  // namespace podium::serve
