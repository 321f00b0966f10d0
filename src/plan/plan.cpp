#include "plan/plan.hpp"

#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <optional>

#include "comm/allreduce/calibration.hpp"
#include "core/error.hpp"
#include "core/roles.hpp"
#include "core/text.hpp"
#include "io/loader/batch_range.hpp"
#include "nn/backend.hpp"
#include "plan/step_measure.hpp"

namespace podium::plan {
namespace {

constexpr int64_t largest_batch = 1 << 30;

struct Batch {
  int all;
  int share;
};

Batch batch_of(const train::Recipe& recipe, const PlanOptions& options) {
  const int64_t ranks = options.ranks();
  const int64_t all = options.weak ? recipe.batch * ranks : recipe.batch;
  if (all > largest_batch) {
    throw usage_error("a step would take more than 2^30 images", "plan.mode=weak",
                      "use a smaller batch");
  }
  if (all < ranks) {
    throw usage_error(format("model '%s': a batch of %d images leaves some of %d ranks without one",
                             recipe.name.c_str(), recipe.batch, options.ranks()),
                      train::flag_of(recipe, "batch"),
                      "use a larger batch, fewer ranks, or --plan.mode=weak");
  }
  return {static_cast<int>(all), static_cast<int>((all + ranks - 1) / ranks)};
}

ModelPlan plan_model(const train::Recipe& recipe, const PlanOptions& options, size_t index,
                     const comm::CostModel& costs) {
  const Batch batch = batch_of(recipe, options);
  const nn::NetworkPlan network = nn::plan_network(nn::parse_architecture(recipe.architecture),
                                                   options.data.image, options.data.classes);
  const auto fusions = nn::make_ops(options.device, options.threads, recipe.numerics)->fusions();
  ModelPlan plan;
  plan.name = recipe.name;
  plan.parameters = network.parameter_count;
  plan.batch = batch.all;
  plan.share = batch.share;
  plan.memory = memory_need(recipe, options.data, batch.share, fusions);
  const double compute_s = options.step_s.empty()
                               ? measure_step(recipe, options.data, batch.share, options.device,
                                              options.threads, options.seconds)
                               : options.step_s[index];
  plan.buckets = backward_schedule(network, compute_s);
  plan.step = forecast(plan.buckets, compute_s, costs);
  const size_t steps = io::steps_of(options.data.records, static_cast<size_t>(batch.all));
  plan.epoch_s = static_cast<double>(steps) * plan.step.step_s();
  return plan;
}

std::string mebibytes(uint64_t bytes) {
  return format("%.1f", static_cast<double>(bytes) / (1 << 20));
}

// Nothing is measured here, so a file that is not there is a mistake; one without an entry for a
// job of this shape is not.
std::optional<comm::CostModel> calibrated(const PlanOptions& options, const comm::Shape& shape) {
  const std::string& file = options.calibration;
  if (::access(file.c_str(), R_OK) != 0) throw io_error("cannot read the costs", file, errno);
  std::optional<comm::CostModel> costs = comm::load_costs(file, shape);
  if (!costs) {
    options.log.info(
        format("plan: %s has nothing for %d ranks on %d nodes of this machine: the "
               "costs are those of the link",
               file.c_str(), shape.ranks, shape.nodes));
  }
  return costs;
}

}  // namespace

Plan make_plan(const PlanOptions& options) {
  if (!options.step_s.empty() && options.step_s.size() != options.models.size()) {
    throw usage_error(
        format("%zu step times for %zu models", options.step_s.size(), options.models.size()),
        "plan.step_ms", "give one for each of --run.models, or none");
  }
  const comm::Shape shape{options.ranks(), options.nodes, options.ranks_per_node};
  std::optional<comm::CostModel> costs;
  if (!options.calibration.empty()) costs = calibrated(options, shape);
  Plan plan;
  plan.nodes = options.nodes;
  plan.ranks_per_node = options.ranks_per_node;
  plan.threads = options.threads;
  plan.mode = options.weak ? "weak" : "strong";
  plan.roles = RoleLayout::plan(options.roles, options.ranks()).describe();
  plan.costs = costs ? "calibration" : "link";
  plan.compute = options.step_s.empty() ? "measured" : "given";
  if (!costs) costs = costs_over(options.link, shape);
  for (size_t i = 0; i < options.models.size(); ++i) {
    plan.models.push_back(plan_model(options.models[i], options, i, *costs));
  }
  return plan;
}

std::string to_text(const Plan& plan) {
  const int ranks = plan.nodes * plan.ranks_per_node;
  std::string text = format(
      "%d node(s) of %d rank(s), %d thread(s) each\n"
      "train: all %d ranks compute; run: %s\n"
      "computing: %s; exchange: predicted, by the costs of the %s\n\n"
      "%-10s %10s %7s %6s | %9s %9s %9s %11s %9s %9s | %9s %9s %9s %-12s %9s %11s %9s\n",
      plan.nodes, plan.ranks_per_node, plan.threads, ranks, plan.roles.c_str(),
      plan.compute.c_str(), plan.costs.c_str(), "model", "parameters", "batch", "share", "weights",
      "gradients", "momentum", "activations", "images", "MiB a rank", "compute", "exchange",
      "exposed", "by", "step ms", "images/s", "epoch s");
  for (const ModelPlan& model : plan.models) {
    const MemoryNeed& memory = model.memory;
    text += format(
        "%-10s %10zu %7d %6d | %9s %9s %9s %11s %9s %10s | %9.3f %9.3f %9.3f %-12s %9.3f %11.0f "
        "%9.2f\n",
        model.name.c_str(), model.parameters, model.batch, model.share,
        mebibytes(memory.parameters + memory.average + memory.statistics).c_str(),
        mebibytes(memory.gradients).c_str(), mebibytes(memory.momentum).c_str(),
        mebibytes(memory.activations).c_str(), mebibytes(memory.images).c_str(),
        mebibytes(memory.total()).c_str(), 1e3 * model.step.compute_s, 1e3 * model.step.exchange_s,
        1e3 * model.step.exposed_s, model.step.algorithm.c_str(), 1e3 * model.step.step_s(),
        model.batch / model.step.step_s(), model.epoch_s);
  }
  return text;
}

nlohmann::ordered_json to_json(const Plan& plan) {
  nlohmann::ordered_json models = nlohmann::ordered_json::array();
  for (const ModelPlan& model : plan.models) {
    nlohmann::ordered_json buckets = nlohmann::ordered_json::array();
    for (const ReadyBucket& bucket : model.buckets) {
      buckets.push_back({{"bytes", bucket.bytes}, {"ready_s", bucket.ready_s}});
    }
    models.push_back({{"name", model.name},
                      {"parameters", model.parameters},
                      {"batch", model.batch},
                      {"batch_per_rank", model.share},
                      {"memory_bytes", to_json(model.memory)},
                      {"compute_s", model.step.compute_s},
                      {"exchange_s", model.step.exchange_s},
                      {"exposed_comm_s", model.step.exposed_s},
                      {"algorithm", model.step.algorithm},
                      {"step_s", model.step.step_s()},
                      {"images_per_s", model.batch / model.step.step_s()},
                      {"epoch_s", model.epoch_s},
                      {"buckets", std::move(buckets)}});
  }
  return {{"nodes", plan.nodes},
          {"ranks_per_node", plan.ranks_per_node},
          {"ranks", plan.nodes * plan.ranks_per_node},
          {"threads", plan.threads},
          {"mode", plan.mode},
          {"roles", plan.roles},
          {"compute", plan.compute},
          {"costs", plan.costs},
          {"models", std::move(models)}};
}

}  // namespace podium::plan
