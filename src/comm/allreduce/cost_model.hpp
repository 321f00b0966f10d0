// CostModel: how long a sum takes, by algorithm and size, and which algorithm is the fastest.
//
// The model is that of Thakur, Rabenseifner & Gropp (2005): steps * latency + bytes moved /
// bandwidth
// + bytes added / speed of adding. Steps and bytes follow from the algorithm and the numbers of
// ranks and nodes; latency and bandwidth are those that the algorithm was measured to reach on this
// machine, as they depend on how it uses it. Pure arithmetic: equal inputs give equal choices, on
// every rank and in every run.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace podium::comm {

enum class Algorithm { automatic, ring, halving, tree, hierarchical, mpi };

// "auto", "ring", ... as in --comm.allreduce; parse throws usage_error.
const char* name_of(Algorithm algorithm);
Algorithm parse_algorithm(const std::string& text);
// All but `automatic`.
std::span<const Algorithm> all_algorithms();

struct Shape {
  int ranks = 1;
  int nodes = 1;
  int lanes = 1;  // ranks on the smallest node
};

// What a sum of one byte asks of a rank; steps do not depend on the size.
struct Work {
  double steps = 0;
  double moved = 0;
  double added = 0;
};
Work work_of(Algorithm algorithm, const Shape& shape);

// Seconds per step, and per byte moved.
struct Cost {
  double step_s = 0;
  double byte_s = 0;
};

struct Timing {
  size_t bytes = 0;
  double seconds = 0;
};

class CostModel {
 public:
  CostModel() = default;
  CostModel(const Shape& shape, double add_s) : shape_(shape), add_s_(add_s) {}

  // Costs that are typical of this kind of machine, for those that measure nothing.
  static CostModel typical(const Shape& shape);

  void set(Algorithm algorithm, const Cost& cost) { costs_[algorithm] = cost; }
  // The costs that fit `timings` best, in relative terms. REQUIRES: two sizes or more.
  void fit(Algorithm algorithm, std::span<const Timing> timings);

  const Shape& shape() const { return shape_; }
  double add_s() const { return add_s_; }  // per byte
  const std::map<Algorithm, Cost>& costs() const { return costs_; }

  // REQUIRES: `algorithm` is known.
  double seconds(Algorithm algorithm, size_t bytes) const;
  // Of those that are known, and `automatic` if none is.
  Algorithm fastest(size_t bytes) const;
  // "up to 32 KiB tree, above hierarchical"
  std::string table() const;

 private:
  Shape shape_;
  double add_s_ = 0;
  std::map<Algorithm, Cost> costs_;
};

}  // namespace podium::comm
