#include "serve/protocol/model_stats.hpp"

#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

namespace podium::serve {
namespace {

using Json = nlohmann::ordered_json;

void add_to(CostSum* sum, double count, uint64_t ns) {
  sum->count += count;
  sum->ns += ns;
}

// A batch's time goes to its requests by their share of it.
uint64_t share_of(uint64_t ns, double share) {
  return static_cast<uint64_t>(std::llround(static_cast<double>(ns) * share));
}

Json to_json(const CostSum& sum) {
  return {{"count", std::llround(sum.count)}, {"ns", sum.ns}};
}

Json batch_stats(const ModelStats& stats) {
  Json list = Json::array();
  for (const auto& [images, sums] : stats.batches) {
    list.push_back({{"batch_size", images},
                    {"compute_input", to_json(sums.input)},
                    {"compute_infer", to_json(sums.infer)},
                    {"compute_output", to_json(sums.output)}});
  }
  return list;
}

}  // namespace

void ModelStats::add(const ReplyFields& reply, uint64_t total_ns, uint64_t now_ms) {
  const ReplyCost& cost = reply.cost;
  if (reply.status != 200 || cost.batch_images == 0) return add_to(&fail, 1, total_ns);
  last_inference_ms = now_ms;
  inferences += cost.images;
  add_to(&success, 1, total_ns);
  add_to(&queue, 1, cost.queue_ns);
  add_to(&input, 1, cost.input_ns);
  add_to(&infer, 1, cost.infer_ns);
  add_to(&output, 1, cost.output_ns);
  const double share = double(cost.images) / double(cost.batch_images);
  executions += share;
  BatchSums& batch = batches[cost.batch_images];
  add_to(&batch.input, share, cost.input_ns);
  add_to(&batch.infer, share, share_of(cost.infer_ns, share));
  add_to(&batch.output, share, cost.output_ns);
}

void VersionStats::add(const ReplyFields& reply, int version, uint64_t total_ns) {
  using namespace std::chrono;
  const auto now = duration_cast<milliseconds>(system_clock::now().time_since_epoch());
  if (reply.cost.version != 0) version = static_cast<int>(reply.cost.version);
  ModelStats& stats = versions_[version];
  stats.version = version;
  stats.add(reply, total_ns, static_cast<uint64_t>(now.count()));
  if (versions_.size() > kept_versions) versions_.erase(versions_.begin());
}

std::vector<ModelStats> VersionStats::of(int version) const {
  std::vector<ModelStats> list;
  for (const auto& [number, stats] : versions_) {
    if (version == 0 || number == version) list.push_back(stats);
  }
  if (!list.empty() || version == 0) return list;
  ModelStats none;
  none.version = version;
  return {none};
}

std::string model_stats_body(const std::string& model, std::span<const ModelStats> versions) {
  Json list = Json::array();
  for (const ModelStats& stats : versions) {
    list.push_back({{"name", model},
                    {"version", std::to_string(stats.version)},
                    {"last_inference", stats.last_inference_ms},
                    {"inference_count", stats.inferences},
                    {"execution_count", std::llround(stats.executions)},
                    {"inference_stats",
                     {{"success", to_json(stats.success)},
                      {"fail", to_json(stats.fail)},
                      {"queue", to_json(stats.queue)},
                      {"compute_input", to_json(stats.input)},
                      {"compute_infer", to_json(stats.infer)},
                      {"compute_output", to_json(stats.output)},
                      {"cache_hit", to_json({})},
                      {"cache_miss", to_json({})}}},
                    {"batch_stats", batch_stats(stats)}});
  }
  return Json{{"model_stats", list}}.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace podium::serve
