// AllReduce: every rank of a group ends with the element-wise sum over all ranks, the same bits on
// each; by the algorithm that is asked for, or the fastest one for each size.
//
// `auto` goes by a cost model (cost_model.hpp). Without a calibration the model is a typical one,
// so that equal jobs sum in equal order and end with equal bits. With a calibration file the costs
// are those of the machine: measured once, kept in the file, and read from there ever after.
//
// Threads: one, that of the group. All ranks make the same sums in the same order; a rank that does
// not is told by name. No sum allocates, save one that is longer than any before it.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "comm/allreduce/algorithm.hpp"
#include "comm/allreduce/cost_model.hpp"
#include "comm/allreduce/topology.hpp"
#include "comm/communicator.hpp"
#include "core/log.hpp"

namespace podium::comm {

struct AllReduceOptions {
  Algorithm algorithm = Algorithm::automatic;
  std::string calibration = {};    // file; empty: none
  WireType wire = WireType::fp32;  // of sums that are given a residual
  bool measure = false;            // costs are measured, whatever the file says
  std::string node = {};           // where this rank runs; empty: node_name()
  Log log = {};                    // rank 0 says what `auto` chose, at level debug
};

class AllReduce {
 public:
  // Collective. `group` must outlive the object. Throws unavailable_error, on every rank, when the
  // algorithm cannot be had here; and what reading and writing the calibration throws.
  AllReduce(Communicator& group, const AllReduceOptions& options);

  // data = sum over ranks of data. T is float or double; any length, the same on every rank. `name`
  // says what is summed: it is checked to be the same, and stands in messages.
  // Throws internal_error when a rank sums something else, or does not arrive within the limit.
  template <typename T>
  void sum(std::span<T> data, const char* name) {
    run({elements(data).data, elements(data), 1}, name);
  }
  // out = sum over ranks of in. They do not overlap and have the same length.
  template <typename T>
  void sum(std::span<const T> in, std::span<T> out, const char* name) {
    run({reinterpret_cast<const std::byte*>(in.data()), elements(out), 1}, name);
  }
  // data = sum over ranks of weight * data, where each rank gives its own weight.
  template <typename T>
  void weighted_sum(std::span<T> data, T weight, const char* name) {
    run({elements(data).data, elements(data), static_cast<double>(weight)}, name);
  }

  // What a sum asks while it waits for another rank: true if it need not pause by itself. Whatever
  // it throws, the sum throws.
  void set_give_way(std::function<bool()> give_way) { watch_.set_give_way(std::move(give_way)); }

  // The same of floats, which may be rounded on their way as AllReduceOptions::wire says
  // (wire.hpp). `residual` is as long as `data` and belongs to this rank and vector: zeros at
  // first, then untouched from sum to sum. Empty: nothing is rounded. All ranks give one, or none
  // does.
  void sum(std::span<float> data, const char* name, std::span<float> residual) {
    weighted_sum(data, 1, name, residual);
  }
  void sum(std::span<const float> in, std::span<float> out, const char* name,
           std::span<float> residual);
  void weighted_sum(std::span<float> data, float weight, const char* name,
                    std::span<float> residual);

  // What a sum of so many bytes takes, and how its values travel if they may be rounded.
  Algorithm algorithm_for(size_t bytes) const;
  WireType wire_for(size_t bytes) const;
  const CostModel& model() const { return model_; }
  const Topology& topology() const { return topology_; }
  // Why some algorithm is not at hand; empty if all are.
  const std::string& notice() const { return notice_; }

 private:
  struct Choice {
    Algorithm algorithm;
    std::unique_ptr<SumAlgorithm> implementation;
  };

  void run(const Sum& sum, const char* name);
  void run_by(SumAlgorithm& algorithm, const Sum& sum, const char* name);
  SumAlgorithm& chosen_for(size_t bytes) const;
  Wire wire_of(const Elements& out, std::span<float> residual) const;
  void add_algorithm(Algorithm algorithm);
  SumAlgorithm& implementation(Algorithm algorithm);
  CostModel find_costs(const AllReduceOptions& options);
  CostModel measure();

  Communicator& group_;
  WireType wire_;
  Topology topology_;
  Watch watch_;
  std::vector<Choice> choices_;  // one, or for `auto` all that can be had
  std::string notice_;
  CostModel model_;
  std::vector<SumAlgorithm*> by_size_;  // by the number of bits of the size in bytes
  uint64_t sums_ = 0;
};

}  // namespace podium::comm
