// Canary: a new version on trial, whom it serves and what becomes of it. Pure, without sockets or
// clocks.
//
// While it is on trial a version gets a share of the clients, always the same ones: a hash of the
// client's key and the version decides. Errors beyond those of the version it would replace, or
// answers that take far longer, roll it back; else it is promoted once it has given enough answers
// or its time is over. Used by one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "serve/latency_histogram.hpp"

namespace podium::serve {

struct CanaryOptions {
  double share = 0;  // of the clients, in [0,0.5]; 0: new versions are not tried out
  std::chrono::milliseconds time{30'000};  // then it is promoted
  int64_t requests = 200;                  // or once it has answered so many
};

class Canary {
 public:
  enum class Verdict { on_trial, promoted, rolled_back };

  Canary(const CanaryOptions& options, int version) : options_(options), version_(version) {}

  int version() const { return version_; }

  // Whether the client with `key` is among those that the version serves.
  bool serves(uint64_t key) const;

  // An answer by the version on trial, or by the one that it would replace: its status, and the
  // time that the replica took for it.
  void answered(bool on_trial, int status, double milliseconds);

  // What is to become of it when it was on trial for so long.
  Verdict verdict(std::chrono::milliseconds tried) const;

  // What speaks against it, for people; empty if nothing does.
  std::string objection() const;

 private:
  struct Record {
    int64_t answers = 0;
    int64_t failures = 0;  // 5xx
    LatencyHistogram latency;

    double failure_rate() const {
      return answers == 0 ? 0.0 : static_cast<double>(failures) / static_cast<double>(answers);
    }
  };

  bool fails_more() const;
  bool takes_longer() const;

  CanaryOptions options_;
  int version_;
  Record old_;
  Record new_;
};

}  // namespace podium::serve
