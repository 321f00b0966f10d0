#include "workflow/weights_mover.hpp"

#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "comm/broadcast.hpp"
#include "comm/gather.hpp"
#include "workflow/weights_source.hpp"

namespace podium::workflow {
namespace {

using Sync = EngineSettings::Sync;

constexpr std::chrono::seconds patience{10};  // for replicas that are starting

}  // namespace

WeightsMover::WeightsMover(const Job& job, const Log& log) : job_(job), log_(log) {
  if (job.settings.engine.sync == Sync::disk) return;
  comm::Communicator& group = *job.ckpt;
  secret_ = comm::broadcast_text(group, ckpt::engine::make_secret(), 0);
  ckpt::engine::EngineOptions options = job.settings.engine.options;
  options.secret = secret_;
  options.log = log;
  engine_ = std::make_unique<ckpt::engine::Engine>(group, group.size(), options);
  const Json own = {{"rank", job.rank()}, {"node", node_name()}, {"gate", engine_->gate()}};
  const Json texts = comm::gather_texts(group, own.dump(), 0);
  for (const Json& text : Json::parse(comm::broadcast_text(group, texts.dump(), 0))) {
    gates_.push_back(Json::parse(text.get<std::string>()));
  }
  if (group.rank() != 0) return;
  write_engine_file(job.settings.engine_file(), {"", engine_->peers(), secret_, ""});
}

WeightsMover::~WeightsMover() {
  std::error_code ignored;  // whoever reads it then finds nobody
  if (engine_ && job_.ckpt->rank() == 0) {
    std::filesystem::remove(job_.settings.engine_file(), ignored);
  }
}

Json WeightsMover::address() const {
  if (!engine_) return {};
  return {{"gates", job_.settings.engine.sync == Sync::broadcast ? gates_ : Json::array()},
          {"peers", engine_->peers()},
          {"secret", secret_}};
}

void WeightsMover::keep(int version, ckpt::Snapshot snapshot) {
  if (engine_) kept_[version] = std::move(snapshot);
}

// The owner's shard holds all; the others' are empty, and they bring the buckets to their nodes.
std::unique_ptr<ckpt::engine::HostShard> WeightsMover::shard_of(int version, bool owner) {
  const ckpt::Snapshot snapshot = owner ? std::move(kept_.at(version)) : ckpt::Snapshot{};
  auto shard = engine_->make_shard(static_cast<uint64_t>(version),
                                   owner ? snapshot.card.dump() : "", pieces_of(snapshot));
  for (size_t i = 0; i < snapshot.buffers.size(); ++i) {
    const auto bytes = std::as_bytes(std::span(snapshot.buffers[i].values));
    if (!bytes.empty()) std::memcpy(shard->piece(i).data(), bytes.data(), bytes.size());
  }
  shard->seal();
  return shard;
}

void WeightsMover::move(const Json& order) {
  const int version = order.at("version");
  const double gather_s = engine_->hold(shard_of(version, order.at("owner") == job_.rank()));
  kept_.erase(kept_.begin(), kept_.upper_bound(version));
  Json event = {{"event", "moved"}, {"version", version}, {"gather_metas_s", gather_s}};
  if (job_.settings.engine.sync == Sync::p2p) {
    engine_->offer();
    event["by"] = "p2p";
  } else {
    const size_t workers = order.at("workers").value(std::to_string(job_.rank()), size_t{0});
    const ckpt::engine::UpdateReport report = engine_->update(workers, patience);
    event["by"] = "broadcast";
    event["seconds"] = report.seconds;
    event["bytes"] = report.model_bytes;
    event["schedule"] = ckpt::engine::to_string(report.schedule);
    event["workers"] = report.workers;
    event["dropped"] = report.dropped;
    event["swap_us"] = report.swap_s * 1e6;
    if (!report.committed) event["failed"] = report.reason;
  }
  if (job_.ckpt->rank() == 0) job_.tell_conductor(event);
}

}  // namespace podium::workflow
