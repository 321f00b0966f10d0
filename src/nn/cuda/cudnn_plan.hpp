// How cuDNN runs a graph of operations: one of its engines, chosen once by its heuristics.
//
// Plans are made for the GPU of a handle, or for one that is only described: then they tell whether
// cuDNN could run the graph there, and cannot be run.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "nn/cuda/cudnn_check.hpp"
#include "nn/numerics.hpp"

namespace podium::nn::cuda {

class PlanTarget {
 public:
  explicit PlanTarget(cudnnHandle_t handle) : handle_(handle) {}
  // A GPU as cuDNN describes it in JSON (CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION).
  explicit PlanTarget(const std::string& json);

  // Null for a described GPU.
  cudnnHandle_t handle() const { return handle_; }
  const Descriptor& device() const { return device_; }

 private:
  cudnnHandle_t handle_ = nullptr;
  Descriptor device_;
};

class Plan {
 public:
  Plan() = default;
  Plan(Descriptor config, Descriptor plan);

  explicit operator bool() const { return plan_.get() != nullptr; }
  size_t workspace_bytes() const { return workspace_bytes_; }
  // Runs on the stream of `handle`, with the tensors' memory by their numbers.
  void run(cudnnHandle_t handle, std::span<const int64_t> tensors, std::span<void* const> memory,
           void* workspace, const std::string& where) const;

 private:
  Descriptor config_;  // read by the plan
  Descriptor plan_;
  size_t workspace_bytes_ = 0;
};

// A graph of finalised operations, which the caller keeps while it asks for plans.
Descriptor make_operation_graph(const PlanTarget& target, std::span<const Descriptor> operations,
                                const std::string& where);

// The first plan by heuristics that is deterministic, keeps to a gigabyte of scratch memory if any
// does, and computes as `rounding` allows: exact plans multiply in fp32, without tensor cores or
// transforms, where `is_fp32` says that the tensors are fp32. Empty when there is none.
Plan find_plan(const PlanTarget& target, const Descriptor& graph, Rounding rounding, bool is_fp32,
               const std::string& where);

}  // namespace podium::nn::cuda
