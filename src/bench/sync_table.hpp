// The table of `podium bench sync`: the same models trained by AllReduce and by parameter servers,
// side by side: speed, traffic, staleness, accuracy.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "bench/samples.hpp"

namespace podium::bench {

// One whole training.
struct SyncMeasurement {
  double images_per_s = 0;  // in steps, over all trainers
  double accuracy = 0;      // on validation, in [0,1]
  double wait_share = 0;    // of its steps' time, in which a trainer could not compute, mean
  double steps = 0;
  double trainers = 0;
  double bytes_sent = 0;  // by all trainers in all steps
  double bytes_received = 0;
  double bytes_saved = 0;
  std::vector<uint64_t> staleness;  // servers' answers to pulls, by age in steps
};

// All of one model by one way.
struct SyncRow {
  std::string model;
  std::string sync;  // "allreduce", "bsp", "ssp 4", "asp"
  Samples images_per_s;
  Samples accuracy;
  Samples wait_share;
  SyncMeasurement sum;  // steps, bytes and staleness of all repetitions; the rest is of the last

  void add(const SyncMeasurement& measured);

  // Per step and trainer.
  double sent_bytes() const { return sum.bytes_sent / (sum.steps * sum.trainers); }
  double received_bytes() const { return sum.bytes_received / (sum.steps * sum.trainers); }
  double saved_bytes() const { return sum.bytes_saved / (sum.steps * sum.trainers); }
  double mean_staleness() const;
  // The smallest age that so large a share of the pulls does not exceed.
  size_t staleness_quantile(double share) const;
};

// What each trainer of a ring sends in a sum of `values` floats, and receives.
double ring_bytes(double values, double trainers);

// Aligned columns with a heading, ending in a newline; a ratio is to the model's row "allreduce".
// Below them how old what was pulled was, for those that pull.
std::string to_text(const std::vector<SyncRow>& rows);
// As the rows of other benchmarks: ours in images/s, theirs that of AllReduce.
nlohmann::ordered_json to_json(const std::vector<SyncRow>& rows);

}  // namespace podium::bench
