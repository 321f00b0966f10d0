#include "workflow/weights_mover.hpp"

#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "comm/broadcast.hpp"
#include "comm/gather.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/sockets.hpp"
#include "core/span_names.hpp"
#include "workflow/messages.hpp"
#include "workflow/weights_source.hpp"

namespace podium::workflow {
namespace {

using Sync = EngineSettings::Sync;

constexpr size_t traced_spans = 2000;         // of a stage, in one move
constexpr std::chrono::seconds patience{10};  // for replicas that are starting

void copy(std::span<const std::byte> from, std::span<std::byte> to) {
  if (!from.empty()) std::memcpy(to.data(), from.data(), from.size());
}

}  // namespace

WeightsMover::WeightsMover(const Job& job, const Log& log) : job_(job), log_(log) {
  if (job.settings.engine.sync == Sync::disk) return;
  comm::Communicator& group = *job.ckpt;
  secret_ = comm::broadcast_text(group, make_secret(), 0);
  ckpt::engine::EngineOptions options = job.settings.engine.options;
  options.secret = secret_;
  options.log = log;
  if (job.tracer) options.traced_spans = traced_spans;
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

void WeightsMover::take_shard(int from) {
  ModelShard shard = receive_shard(job_.weights, from);
  std::string model = shard.model;
  shards_[std::move(model)] = std::move(shard);
}

// It may still be on its way, behind those of other models.
ModelShard WeightsMover::await_shard(const std::string& model) {
  const Deadline deadline(job_.weights.policy().limit);
  Backoff backoff(Backoff::Kind::idle);
  while (!shards_.contains(model)) {
    if (const auto shard = job_.weights.probe(comm::any_rank, messages::shard_tags.header)) {
      take_shard(shard->from);
      continue;
    }
    if (deadline.expired()) {
      throw internal_error("the shard of model '" + model + "' does not come",
                           "hand-over of a model");
    }
    backoff.pause();
  }
  return std::move(shards_.extract(model).mapped());
}

void WeightsMover::drop(const Json& order) {
  if (!engine_) return;
  if (order.at("owner") != job_.rank()) {
    await_shard(order.at("model"));
  } else if (order.at("published").get<bool>()) {
    kept_.erase(order.at("version").get<int>());
  }
}

// Of the whole model that this rank has stored.
std::unique_ptr<ckpt::engine::HostShard> WeightsMover::own_slice(int version) {
  const ckpt::Snapshot snapshot = std::move(kept_.at(version));
  const comm::Communicator& group = *job_.ckpt;
  const std::vector<ckpt::engine::Piece> pieces = ckpt::engine::slice_of(
      pieces_of(snapshot), static_cast<size_t>(group.rank()), static_cast<size_t>(group.size()));
  auto shard = engine_->make_shard(static_cast<uint64_t>(version), snapshot.card.dump(), pieces);
  for (size_t i = 0; i < pieces.size(); ++i) copy(bytes_of(snapshot, pieces[i]), shard->piece(i));
  return shard;
}

std::unique_ptr<ckpt::engine::HostShard> WeightsMover::shard_of(const Json& order) {
  const int version = order.at("version");
  if (order.at("owner") == job_.rank()) return own_slice(version);
  const ModelShard given = await_shard(order.at("model"));
  auto shard = engine_->make_shard(static_cast<uint64_t>(version), "", given.pieces);
  for (size_t i = 0; i < given.bytes.size(); ++i) copy(given.bytes[i], shard->piece(i));
  return shard;
}

// What this rank's stages and the replicas of its pod have recorded.
void WeightsMover::trace(const ckpt::engine::UpdateReport& report) {
  if (!job_.tracer) return;
  const auto tell = [](const Lane& lane, std::span<const Span> spans) {
    for (const Span& span : spans) lane.add(span.name, span.begin_ns, span.end_ns);
  };
  ckpt::engine::Rounds& rounds = engine_->rounds();
  tell(job_.tracer.lane("H2D buffer"), rounds.upload_spans().spans());
  tell(job_.tracer.lane("IPC buffer"), rounds.broadcast_spans().spans());
  for (const ckpt::engine::WorkerSpans& worker : report.traced) {
    if (worker.pod != job_.ckpt->rank()) continue;
    const Lane lane = job_.tracer.lane("worker " + worker.worker);
    for (const auto& [begin, end] : worker.reloads) lane.add(spans::reload_weights, begin, end);
  }
}

void WeightsMover::move(const Json& order) {
  const int version = order.at("version");
  std::unique_ptr<ckpt::engine::HostShard> shard = shard_of(order);
  shard->seal();
  const double gather_s = engine_->hold(std::move(shard));
  kept_.erase(kept_.begin(), kept_.upper_bound(version));
  Json event = {{"event", "moved"},
                {"version", version},
                {"gather_metas_s", gather_s},
                {"shard_bytes", engine_->plan().layout.shard_bytes}};
  if (job_.settings.engine.sync == Sync::p2p) {
    engine_->offer();
    event["by"] = "p2p";
  } else {
    const size_t workers = order.at("workers").value(std::to_string(job_.rank()), size_t{0});
    const ckpt::engine::UpdateReport report = engine_->update(workers, patience);
    trace(report);
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
