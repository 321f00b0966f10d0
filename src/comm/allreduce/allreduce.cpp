#include "comm/allreduce/allreduce.hpp"

#include <algorithm>
#include <bit>
#include <limits>

#include "comm/allreduce/calibration.hpp"
#include "comm/allreduce/halving.hpp"
#include "comm/allreduce/hierarchical.hpp"
#include "comm/allreduce/kernels.hpp"
#include "comm/allreduce/ring.hpp"
#include "comm/allreduce/transport_sum.hpp"
#include "comm/allreduce/tree.hpp"
#include "core/error.hpp"

namespace podium::comm {
namespace {

constexpr size_t size_classes = std::numeric_limits<size_t>::digits + 1;

Shape shape_of(const Communicator& group, const Topology& topology) {
  return {group.size(), static_cast<int>(topology.nodes.size()), topology.least_ranks()};
}

// Options may come from each node's own environment and files. Collective; throws on every rank.
void require_same_options(Communicator& group, const AllReduceOptions& options) {
  const std::string mine = std::string("--comm.allreduce=") + name_of(options.algorithm) +
                           " --comm.wire=" + name_of(options.wire) +
                           (options.calibration.empty() ? "" : " with a calibration");
  const std::vector<std::string> all = share_texts(group, mine);
  for (size_t rank = 1; rank < all.size(); ++rank) {
    if (all[rank] == all[0]) continue;
    throw usage_error("ranks of group '" + group.name() + "' disagree: rank 0 has " + all[0] +
                          ", rank " + std::to_string(rank) + " has " + all[rank],
                      "AllReduce", "give all ranks the same options");
  }
}

std::string own_node(const AllReduceOptions& options) {
  return options.node.empty() ? node_name() : options.node;
}

}  // namespace

AllReduce::AllReduce(Communicator& group, const AllReduceOptions& options)
    : group_(group),
      wire_(options.wire),
      topology_(find_topology(group, own_node(options))),
      watch_(group, topology_.crowded) {
  require_same_options(group, options);
  const bool packs = wire_ != WireType::fp32;
  if (packs && options.algorithm == Algorithm::mpi) {
    throw usage_error("MPI_Allreduce sums floats as they are",
                      std::string("--comm.wire=") + name_of(wire_),
                      "use another --comm.allreduce, or --comm.wire=fp32");
  }
  if (options.algorithm != Algorithm::automatic) {
    add_algorithm(options.algorithm);
    if (choices_.empty()) {
      throw unavailable_error(notice_,
                              std::string("--comm.allreduce=") + name_of(options.algorithm),
                              "use --comm.allreduce=auto");
    }
    by_size_.assign(size_classes, choices_.front().implementation.get());
    return;
  }
  for (const Algorithm algorithm : all_algorithms()) {
    if (algorithm != Algorithm::mpi || !packs) add_algorithm(algorithm);
  }
  model_ = find_costs(options);
  for (size_t bits = 0; bits < size_classes; ++bits) {
    const size_t bytes = bits == 0 ? 0 : size_t{1} << std::min<size_t>(bits - 1, 40);
    by_size_.push_back(&implementation(model_.fastest(bytes)));
  }
  if (group.rank() == 0)
    options.log.debug("AllReduce of '" + group.name() + "': " + model_.table());
}

void AllReduce::add_algorithm(Algorithm algorithm) {
  std::unique_ptr<SumAlgorithm> made;
  switch (algorithm) {
    case Algorithm::ring:
      made = std::make_unique<RingAllReduce>(group_);
      break;
    case Algorithm::halving:
      made = std::make_unique<HalvingAllReduce>(group_);
      break;
    case Algorithm::tree:
      made = std::make_unique<TreeAllReduce>(group_);
      break;
    case Algorithm::hierarchical: {
      std::string why_not;
      made = HierarchicalAllReduce::make(group_, topology_, &why_not);
      if (!made) notice_ = "ranks of a node cannot share memory: " + why_not;
      break;
    }
    case Algorithm::mpi:
      if (group_.has_own_sum()) {
        made = std::make_unique<TransportSum>();
      } else if (notice_.empty()) {
        notice_ = "ranks that are threads have no MPI_Allreduce";
      }
      break;
    case Algorithm::automatic:
      break;
  }
  if (made) choices_.push_back({algorithm, std::move(made)});
}

SumAlgorithm& AllReduce::implementation(Algorithm algorithm) {
  const auto found = std::ranges::find(choices_, algorithm, &Choice::algorithm);
  require(found != choices_.end(), "an algorithm that is not at hand was chosen", "AllReduce");
  return *found->implementation;
}

Algorithm AllReduce::algorithm_for(size_t bytes) const {
  const auto found = std::ranges::find_if(choices_, [&](const Choice& choice) {
    return choice.implementation.get() == &chosen_for(bytes);
  });
  return found->algorithm;
}

WireType AllReduce::wire_for(size_t bytes) const {
  return chosen_for(bytes).packs() && group_.size() > 1 ? wire_ : WireType::fp32;
}

SumAlgorithm& AllReduce::chosen_for(size_t bytes) const {
  return *by_size_[static_cast<size_t>(std::bit_width(bytes))];
}

// Rank 0 alone reads and writes the file; what it finds is everybody's.
CostModel AllReduce::find_costs(const AllReduceOptions& options) {
  const Shape shape = shape_of(group_, topology_);
  if (group_.size() == 1) return CostModel::typical(shape);
  CostModel model;
  if (options.measure) {
    model = measure();
  } else if (options.calibration.empty()) {
    model = CostModel::typical(shape);
  } else {
    const std::optional<CostModel> kept = share_costs(group_, options.calibration, shape);
    model = kept ? *kept : measure();
  }
  if (!options.calibration.empty() && group_.rank() == 0) save_costs(options.calibration, model);
  CostModel at_hand(shape, model.add_s());
  for (const Choice& choice : choices_) {
    const auto cost = model.costs().find(choice.algorithm);
    if (cost != model.costs().end()) at_hand.set(choice.algorithm, cost->second);
  }
  return at_hand;
}

CostModel AllReduce::measure() {
  std::vector<Algorithm> algorithms;
  for (const Choice& choice : choices_) algorithms.push_back(choice.algorithm);
  std::vector<float> values;
  return measure_costs(group_, shape_of(group_, topology_), algorithms,
                       [&](Algorithm algorithm, size_t bytes) {
                         if (values.size() * sizeof(float) < bytes) values.resize(bytes / 4);
                         const Elements some = elements(std::span(values).first(bytes / 4));
                         run_by(implementation(algorithm), {some.data, some, 1}, "calibration");
                       });
}

void AllReduce::run(const Sum& sum, const char* name) {
  run_by(chosen_for(sum.out.bytes().size()), sum, name);
}

void AllReduce::sum(std::span<const float> in, std::span<float> out, const char* name,
                    std::span<float> residual) {
  const Elements values = elements(out);
  run({reinterpret_cast<const std::byte*>(in.data()), values, 1, wire_of(values, residual)}, name);
}

void AllReduce::weighted_sum(std::span<float> data, float weight, const char* name,
                             std::span<float> residual) {
  const Elements values = elements(data);
  run({values.data, values, weight, wire_of(values, residual)}, name);
}

Wire AllReduce::wire_of(const Elements& out, std::span<float> residual) const {
  if (residual.empty()) return {};
  require(residual.size() == out.count, "the residual has another length", "AllReduce");
  return {wire_for(out.bytes().size()), out, residual.data()};
}

void AllReduce::run_by(SumAlgorithm& algorithm, const Sum& sum, const char* name) {
  if (group_.size() == 1) {
    scale(sum.out, sum.in, sum.weight);
    return;
  }
  watch_.start({++sums_, sum.out, sum.wire.type(), name}, algorithm.name());
  algorithm.run(sum, watch_);
}

}  // namespace podium::comm
