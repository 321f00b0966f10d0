// Shard: the numbers of one home on one server: Θ's range, what the rule keeps for it, and, in bsp,
// what was pushed in steps that have not ended for all.
//
// A step that is not finished has a sum for each worker, so that at its end they are added up in
// the order of the workers' numbers: equal pushes give equal bits, in whatever order they arrived.
// The rule is then applied once, to the values that somebody pushed to; a value that nobody pushed
// to stays as it is, its momentum too (the sum of a step, Rule::step_sum, has zero there).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ps/message.hpp"
#include "ps/options.hpp"
#include "ps/pushed.hpp"
#include "ps/rules.hpp"

namespace podium::ps {

class Shard {
 public:
  Shard(Segment range, const OptimizerOptions& options);

  const Segment& range() const { return range_; }
  // Θ and what the rule keeps for it (layers_of()).
  size_t layers() const { return 1 + slots_.size(); }
  // One of these at the beginning. REQUIRES: range().count values.
  void set(size_t layer, std::span<const float> values);
  std::span<const float> values(const Segment& segment, size_t layer = 0) const {
    const std::vector<float>& all = layer == 0 ? theta_ : slots_[layer - 1];
    return std::span(all).subspan(segment.first - range_.first, segment.count);
  }

  // Applies the rule to what was pushed. REQUIRES, of all pushes: within range().
  void push(const Pushed& pushed);
  // Adds it to what `worker` has pushed in step `clock`.
  void hold(uint32_t worker, uint32_t clock, const Pushed& pushed);
  // What `worker` has pushed in that step is forgotten.
  void forget(uint32_t worker, uint32_t clock);
  // The step has ended.
  void commit(uint32_t clock);
  // The first step that somebody has pushed in and that has not ended. REQUIRES: holds_any().
  bool holds_any() const { return !steps_.empty(); }
  uint32_t oldest_held() const { return steps_.front().clock; }

  // All of it as a message: numbers that say how, into `words`, and what lies in memory, into
  // `payload`, behind them. restore() throws data_error if it is of another shape.
  void describe(std::vector<uint64_t>& words,
                std::vector<std::span<const std::byte>>& payload) const;
  void restore(std::span<const uint64_t>& words, std::span<const std::byte>& payload);

 private:
  struct Sum {
    uint32_t worker = 0;
    float lr = -1;
    std::vector<float> values;  // of the whole range; zero where nothing was pushed
  };
  struct Step {
    uint32_t clock = 0;
    size_t low = 0;  // nothing outside [low, high) was touched
    size_t high = 0;
    std::vector<uint64_t> touched;  // a bit for each value
    std::vector<Sum> sums;          // by worker, ascending
  };

  RuleMemory memory_at(size_t offset);
  void add_by_key(const Pushed& pushed);
  void update(size_t offset, std::span<const float> pushed, float scale, float lr);
  Step& step_of(uint32_t clock);
  Sum& sum_of(Step& step, uint32_t worker);
  void commit_run(Step& step, size_t begin, size_t end);
  void recycle(Step& step);

  Segment range_;
  const OptimizerOptions options_;
  std::vector<float> theta_;
  std::vector<std::vector<float>> slots_;
  std::vector<Step> steps_;                          // by clock, ascending
  std::vector<std::vector<float>> free_sums_;        // zeros
  std::vector<std::vector<uint64_t>> free_touched_;  // zeros
};

}  // namespace podium::ps
