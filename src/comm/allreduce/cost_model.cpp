#include "comm/allreduce/cost_model.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "core/error.hpp"
#include "core/text.hpp"

namespace podium::comm {
namespace {

constexpr std::array algorithms = {Algorithm::ring, Algorithm::halving, Algorithm::tree,
                                   Algorithm::hierarchical, Algorithm::mpi};
constexpr size_t least_bytes = 64;
constexpr size_t most_bytes = size_t{1} << 30;

// Twice the part of a vector that is not a rank's own: what is given and taken.
double twice_the_rest(int parts) {
  return 2.0 * (parts - 1) / parts;
}

std::string bytes_text(size_t bytes) {
  if (bytes >= size_t{1} << 20) return std::to_string(bytes >> 20) + " MiB";
  if (bytes >= size_t{1} << 10) return std::to_string(bytes >> 10) + " KiB";
  return std::to_string(bytes) + " bytes";
}

}  // namespace

const char* name_of(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::ring:
      return "ring";
    case Algorithm::halving:
      return "halving";
    case Algorithm::tree:
      return "tree";
    case Algorithm::hierarchical:
      return "hierarchical";
    case Algorithm::mpi:
      return "mpi";
    case Algorithm::automatic:
      break;
  }
  return "auto";
}

Algorithm parse_algorithm(const std::string& text) {
  if (text == "auto") return Algorithm::automatic;
  for (const Algorithm algorithm : algorithms) {
    if (text == name_of(algorithm)) return algorithm;
  }
  throw usage_error("'" + text + "' is no algorithm of AllReduce", "comm.allreduce",
                    "write auto, ring, halving, tree, hierarchical or mpi");
}

std::span<const Algorithm> all_algorithms() {
  return algorithms;
}

Work work_of(Algorithm algorithm, const Shape& shape) {
  const int ranks = shape.ranks;
  const int power = static_cast<int>(std::bit_floor(static_cast<unsigned>(ranks)));
  const double rounds = std::log2(power);
  const double folds = power == ranks ? 0 : 1;  // in, and out again
  switch (algorithm) {
    case Algorithm::ring:
      return {2.0 * (ranks - 1), twice_the_rest(ranks), twice_the_rest(ranks) / 2};
    case Algorithm::halving:
      return {2 * rounds + 2 * folds, twice_the_rest(power) + 2 * folds,
              twice_the_rest(power) / 2 + folds};
    case Algorithm::tree:
      return {rounds + 2 * folds, rounds + 2 * folds, rounds + folds};
    case Algorithm::hierarchical:
      return {2 + 2.0 * (shape.nodes - 1),
              twice_the_rest(shape.lanes) + twice_the_rest(shape.nodes) / shape.lanes,
              twice_the_rest(shape.lanes) / 2 + twice_the_rest(shape.nodes) / 2 / shape.lanes};
    case Algorithm::mpi:
      return {2 * rounds + 2 * folds, twice_the_rest(ranks), twice_the_rest(ranks) / 2};
    case Algorithm::automatic:
      break;
  }
  throw internal_error("auto is no algorithm", "work_of");
}

// A node's messages and shared memory as on server processors of these years; between nodes,
// 100 Gb/s. MPI's own is left to those who measure.
CostModel CostModel::typical(const Shape& shape) {
  CostModel model(shape, 0.05e-9);
  const bool one_node = shape.nodes == 1;
  const Cost message = one_node ? Cost{1.0e-6, 0.25e-9} : Cost{2.5e-6, 0.15e-9};
  model.set(Algorithm::ring, message);
  model.set(Algorithm::halving, message);
  model.set(Algorithm::tree, message);
  if (shape.lanes > 1) {
    model.set(Algorithm::hierarchical, one_node ? Cost{0.3e-6, 0.1e-9} : message);
  }
  return model;
}

// Least squares of (model - measured) / measured, which are linear in the two costs. What is added
// comes off first. A cost that would be negative is zero, and the other is fitted alone.
void CostModel::fit(Algorithm algorithm, std::span<const Timing> timings) {
  const Work work = work_of(algorithm, shape_);
  double ss = 0;
  double sb = 0;
  double bb = 0;
  double st = 0;
  double bt = 0;
  for (const Timing& timing : timings) {
    const double bytes = static_cast<double>(timing.bytes);
    const double weight = 1 / timing.seconds;
    const double s = work.steps * weight;
    const double b = work.moved * bytes * weight;
    const double t = std::max(0.0, 1 - work.added * bytes * add_s_ * weight);
    ss += s * s;
    sb += s * b;
    bb += b * b;
    st += s * t;
    bt += b * t;
  }
  const double determinant = ss * bb - sb * sb;
  require(determinant > 0, "timings of one size fit no model", "CostModel::fit");
  Cost cost{(st * bb - bt * sb) / determinant, (bt * ss - st * sb) / determinant};
  if (cost.step_s < 0) cost = {0, bt / bb};
  if (cost.byte_s < 0) cost = {st / ss, 0};
  set(algorithm, cost);
}

double CostModel::seconds(Algorithm algorithm, size_t bytes) const {
  const Work work = work_of(algorithm, shape_);
  const Cost& cost = costs_.at(algorithm);
  const double size = static_cast<double>(bytes);
  return work.steps * cost.step_s + size * (work.moved * cost.byte_s + work.added * add_s_);
}

Algorithm CostModel::fastest(size_t bytes) const {
  Algorithm best = Algorithm::automatic;
  for (const auto& [algorithm, cost] : costs_) {
    if (best == Algorithm::automatic || seconds(algorithm, bytes) < seconds(best, bytes)) {
      best = algorithm;
    }
  }
  return best;
}

std::string CostModel::table() const {
  std::string text;
  Algorithm current = fastest(least_bytes);
  for (size_t bytes = least_bytes; bytes <= most_bytes; bytes *= 2) {
    const Algorithm next = fastest(2 * bytes);
    if (next == current || bytes == most_bytes) continue;
    text += (text.empty() ? "up to " : ", up to ") + bytes_text(bytes) + " " + name_of(current);
    current = next;
  }
  return text.empty() ? std::string("always ") + name_of(current)
                      : text + ", above " + name_of(current);
}

}  // namespace podium::comm
