#include "nn/cuda/cudnn_plan.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "core/error.hpp"

namespace podium::nn::cuda {
namespace {

using Note = cudnnBackendNumericalNote_t;

// Engines that want more scratch memory are taken where there is no other.
constexpr size_t most_workspace_bytes = size_t{1} << 30;

std::vector<Note> notes_of(const Descriptor& config, const std::string& where) {
  Descriptor engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR, where);
  int64_t count = 0;
  cudnnBackendDescriptor_t raw = engine.get();
  check_cudnn(cudnnBackendGetAttribute(config.get(), CUDNN_ATTR_ENGINECFG_ENGINE,
                                       CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &count, &raw),
              "reading an engine", where);
  std::vector<Note> notes(CUDNN_NUMERICAL_NOTE_TYPE_COUNT);
  check_cudnn(
      cudnnBackendGetAttribute(raw, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE,
                               CUDNN_NUMERICAL_NOTE_TYPE_COUNT, &count, notes.data()),
      "reading the notes of an engine", where);
  notes.resize(static_cast<size_t>(std::min<int64_t>(count, CUDNN_NUMERICAL_NOTE_TYPE_COUNT)));
  return notes;
}

// Equal seeds shall give equal bits. TF32 is the tensor cores' way with fp32; inputs rounded to
// fp16 would overflow.
bool suits(const std::vector<Note>& notes, Rounding rounding, bool is_fp32) {
  const auto has = [&](Note note) { return std::ranges::count(notes, note) > 0; };
  if (has(CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC)) return false;
  if (!is_fp32) return true;
  if (has(CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS) ||
      has(CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION)) {
    return false;
  }
  if (rounding == Rounding::fast) return true;
  return !has(CUDNN_NUMERICAL_NOTE_TENSOR_CORE) && !has(CUDNN_NUMERICAL_NOTE_FFT) &&
         !has(CUDNN_NUMERICAL_NOTE_WINOGRAD);
}

void set_target(Descriptor& descriptor, const PlanTarget& target,
                cudnnBackendAttributeName_t handle_name, cudnnBackendAttributeName_t device_name) {
  if (target.handle() != nullptr) {
    const cudnnHandle_t handle = target.handle();
    descriptor.set(handle_name, CUDNN_TYPE_HANDLE, 1, &handle);
  } else {
    descriptor.set(device_name, target.device());
  }
}

// Engine configurations for `graph`, best first; none when a heuristic has nothing to say.
std::vector<Descriptor> ask(const PlanTarget& target, const Descriptor& graph,
                            cudnnBackendHeurMode_t mode, const std::string& where) {
  Descriptor heuristic(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, where);
  heuristic.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph);
  heuristic.set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
  if (target.handle() == nullptr) {
    heuristic.set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, target.device());
  }
  if (!heuristic.try_finalise()) return {};
  int64_t count = 0;
  check_cudnn(cudnnBackendGetAttribute(heuristic.get(), CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                       CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, &count, nullptr),
              "counting engines", where);
  std::vector<Descriptor> configs;
  std::vector<cudnnBackendDescriptor_t> raw;
  for (int64_t i = 0; i < count; ++i) {
    configs.emplace_back(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, where);
    raw.push_back(configs.back().get());
  }
  if (count == 0) return configs;
  int64_t got = 0;
  check_cudnn(cudnnBackendGetAttribute(heuristic.get(), CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                       CUDNN_TYPE_BACKEND_DESCRIPTOR, count, &got, raw.data()),
              "reading engines", where);
  configs.resize(static_cast<size_t>(got));
  return configs;
}

// The plan of one engine; empty when it turns out not to support the graph.
std::optional<Descriptor> plan_of(const PlanTarget& target, const Descriptor& config,
                                  const std::string& where) {
  Descriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, where);
  set_target(plan, target, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP);
  plan.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config);
  if (!plan.try_finalise()) return {};
  return plan;
}

}  // namespace

PlanTarget::PlanTarget(const std::string& json)
    : device_(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, "description of a GPU") {
  device_.set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
              static_cast<int64_t>(json.size()), json.data());
  device_.finalise();
}

Plan::Plan(Descriptor config, Descriptor plan)
    : config_(std::move(config)),
      plan_(std::move(plan)),
      workspace_bytes_(
          static_cast<size_t>(plan_.integer(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE))) {}

void Plan::run(cudnnHandle_t handle, std::span<const int64_t> tensors,
               std::span<void* const> memory, void* workspace, const std::string& where) const {
  require(tensors.size() == memory.size(), "each tensor has its memory", where.c_str());
  Descriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, where);
  const auto count = static_cast<int64_t>(tensors.size());
  pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, count, tensors.data());
  pack.set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, count, memory.data());
  pack.set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace);
  pack.finalise();
  check_cudnn(cudnnBackendExecute(handle, plan_.get(), pack.get()), "running", where);
}

Descriptor make_operation_graph(const PlanTarget& target, std::span<const Descriptor> operations,
                                const std::string& where) {
  std::vector<cudnnBackendDescriptor_t> raw;
  for (const Descriptor& operation : operations) raw.push_back(operation.get());
  Descriptor graph(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, where);
  if (target.handle() != nullptr) {
    const cudnnHandle_t handle = target.handle();
    graph.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &handle);
  }
  graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
            static_cast<int64_t>(raw.size()), raw.data());
  graph.finalise();
  return graph;
}

Plan find_plan(const PlanTarget& target, const Descriptor& graph, Rounding rounding, bool is_fp32,
               const std::string& where) {
  Plan spacious;
  for (const auto mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK}) {
    for (Descriptor& config : ask(target, graph, mode, where)) {
      if (!suits(notes_of(config, where), rounding, is_fp32)) continue;
      std::optional<Descriptor> made = plan_of(target, config, where);
      if (!made) continue;
      Plan plan(std::move(config), std::move(*made));
      if (plan.workspace_bytes() <= most_workspace_bytes) return plan;
      if (!spacious) spacious = std::move(plan);
    }
  }
  return spacious;
}

}  // namespace podium::nn::cuda
