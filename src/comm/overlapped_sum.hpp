// OverlappedSum: the sum over ranks of a vector that becomes ready from its end, bucket by bucket,
// while its rank still computes the rest.
//
// Every sum is of one bucket, by AllReduce, in the order of the buckets: the same on every rank,
// whatever becomes ready when. Each bears its bucket in its name, so that ranks that disagree, and
// ranks that do not come, are told with it. Where AllReduceOptions::wire rounds values on their
// way, what that leaves over is kept here for the next step.
//
// Threads: one, and a second one for Overlap::thread, which alone uses the group between begin()
// and finish(). Nothing allocates after the first step.
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "comm/allreduce/allreduce.hpp"
#include "comm/buckets.hpp"
#include "comm/side_work.hpp"
#include "core/trace.hpp"

namespace podium::comm {

class OverlappedSum {
 public:
  // `allreduce` must outlive the object, and makes no other sum between begin() and finish().
  // `buckets` are those of make_buckets(), equal on all ranks; `name` is what is summed. Each sum
  // is a span of `lane`, which is for them alone.
  OverlappedSum(AllReduce& allreduce, std::vector<Bucket> buckets, const std::string& name,
                Overlap overlap, Lane lane = {});

  // Begins values = sum over ranks of weight * values. Nobody else touches those that are ready.
  // REQUIRES: as many as the buckets have.
  void begin(std::span<float> values, float weight);
  // Those from `first` on are ready. Throws what a sum throws.
  void ready(size_t first);
  // All are; returns when all are summed. Throws what a sum throws.
  void finish();

  const std::vector<Bucket>& buckets() const { return buckets_; }
  // Seconds so far that sums were under way: in which nothing else could be done, and others.
  double exposed_seconds() const { return exposed_s_; }
  double hidden_seconds() const { return hidden_s_; }

 private:
  void sum_buckets();

  AllReduce& allreduce_;
  std::vector<Bucket> buckets_;
  std::vector<std::string> names_;  // of the buckets
  Lane lane_;
  std::vector<float> residual_;  // what rounding leaves over; empty where nothing is rounded
  std::span<float> values_;
  float weight_ = 1;
  std::atomic<size_t> ready_from_{0};
  double waited_s_ = 0;     // in this step, by the caller
  double under_way_s_ = 0;  // in this step, sums
  double exposed_s_ = 0;
  double hidden_s_ = 0;
  std::unique_ptr<SideWork> work_;  // last: it ends before what it uses
};

}  // namespace podium::comm
