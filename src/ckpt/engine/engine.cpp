#include "ckpt/engine/engine.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "ckpt/engine/device_stages.hpp"
#include "ckpt/engine/host/host_stages.hpp"
#include "comm/barrier.hpp"
#include "comm/broadcast.hpp"
#include "comm/gather.hpp"
#include "core/error.hpp"
#include "core/sockets.hpp"

namespace podium::ckpt::engine {
namespace {

using Milliseconds = std::chrono::milliseconds;

// One text of every rank, on every rank.
std::vector<std::string> all_texts(comm::Communicator& group, const std::string& own) {
  const Json gathered = comm::gather_texts(group, own, 0);
  const std::string text = comm::broadcast_text(group, gathered.dump(), 0);
  return Json::parse(text).get<std::vector<std::string>>();
}

// What `action` threw, as a text.
template <typename Action>
std::string failure_of(const Action& action) {
  try {
    action();
    return "";
  } catch (const std::exception& error) {
    return error.what();
  }
}

// For workers to get their shadow weights, the first time: pages are cleared at 50 MB/s at least.
Milliseconds time_to_allocate(const Plan& plan) {
  return Milliseconds(plan.layout.model_bytes / 50'000);
}

std::string fresh_name() {
  return "podium-" + std::to_string(::getpid()) + "-" + make_secret().substr(0, 12);
}

}  // namespace

Engine::Engine(comm::Communicator& group, int pods, EngineOptions options)
    : group_(group),
      options_(std::move(options)),
      pods_(group.size(), pods),
      fit_(fit(options_.schedule, options_.bucket_bytes, options_.memory_bytes)),
      on_gpus_(agree(group, {options_.gpu < 0 ? 1U : 0U, 0})[0] == 0) {
  require(pods >= 1 && pods <= group.size(), "there are as many pods as ranks at most", "Engine");
  if (!fit_.notice.empty() && group.rank() == 0) options_.log.info("engine: " + fit_.notice);
  share_segment();
  all_agree(failure_of([&] {
              make_stages();
              server_ = std::make_unique<PeerServer>(options_.address, options_.secret);
            }),
            "the checkpoint engine cannot start");
  const std::vector<std::string> handles = all_texts(group_, stages_->handle().dump());
  const int pod = pods_.of(group_.rank());
  for (int rank = pods_.first(pod); rank < pods_.first(pod + 1); ++rank) {
    handles_.push_back(Json::parse(handles[static_cast<size_t>(rank)]));
  }
  rounds_ = std::make_unique<Rounds>(group_, pods_, *segment_, *stages_, options_.traced_spans);
  peers_ = all_texts(group_, server_->address());
}

void Engine::make_stages() {
  if (!on_gpus_) {
    stages_ = make_host_stages(*segment_, fit_.buffers, options_.copies);
    return;
  }
  const int place = group_.rank() - pods_.first(pods_.of(group_.rank()));
  stages_ = make_device_stages(*segment_, fit_.buffers, options_.gpu, static_cast<uint64_t>(place));
}

// Who leads a pod makes the memory; the others get it at the gate.
void Engine::share_segment() {
  const int pod = pods_.of(group_.rank());
  const bool leads = pods_.first(pod) == group_.rank();
  all_agree(failure_of([&] {
              if (!leads) return;
              segment_ = std::make_unique<Segment>(
                  fit_.buffers.ipc, on_gpus_ ? note_bytes : fit_.buffers.bucket_bytes);
              gate_ = std::make_unique<Gate>(fresh_name(), *segment_);
            }),
            "the IPC buffer cannot be made");
  const std::vector<std::string> names = all_texts(group_, leads ? gate_->name() : "");
  gate_name_ = names[static_cast<size_t>(pods_.first(pod))];
  all_agree(failure_of([&] {
              if (leads) return;
              const Milliseconds limit = group_.policy().limit;
              Channel channel = Channel::to_local(gate_name_, limit);
              FileDescriptor memory;
              channel.send({{"role", "rank"}}, limit);
              channel.receive(limit, &memory);
              segment_ = std::make_unique<Segment>(std::move(memory));
            }),
            "the IPC buffer cannot be shared");
}

// Empty when no rank has failed, else what the first has to say; and whether any rank lacks what
// `own_lack` is about, in the same exchange.
std::string Engine::first_failure(const std::string& own, bool own_lack, bool* any_lacks) {
  const Agreement agreed = agree(group_, {own.empty() ? 0U : 1U, own_lack ? 1U : 0U});
  if (any_lacks != nullptr) *any_lacks = agreed[1] != 0;
  if (agreed[0] == 0) return "";
  for (const std::string& text : all_texts(group_, own)) {
    if (!text.empty()) return text;
  }
  return "";
}

void Engine::all_agree(const std::string& failure, const char* what) {
  const std::string first = first_failure(failure);
  if (first.empty()) return;
  throw unavailable_error(std::string(what) + ": " + first, "checkpoint engine", "");
}

std::unique_ptr<HostShard> Engine::make_shard(uint64_t version, std::string card,
                                              std::vector<Piece> pieces) {
  Block memory;
  if (before_ && before_.use_count() == 1) memory = before_->take_memory();
  before_.reset();
  if (const uint64_t bytes = shard_bytes_of(pieces); memory.size() < bytes) {
    memory = {};  // before the larger one is taken
    memory = stages_->shard_memory(bytes);
  }
  return std::make_unique<HostShard>(version, std::move(card), std::move(pieces),
                                     fit_.buffers.bucket_bytes, std::move(memory));
}

double Engine::hold(std::unique_ptr<HostShard> shard) {
  const Stopwatch watch;
  std::vector<Metas> metas;
  for (const std::string& text : all_texts(group_, to_json(shard->metas()).dump())) {
    metas.push_back(metas_from_json(Json::parse(text)));
  }
  Plan plan = make_plan(metas, fit_.buffers.bucket_bytes);  // fails alike everywhere, or nowhere
  if (stages_->direct()) {
    all_agree(failure_of([&] { tell_shard(*shard); }), "shards cannot be shared");
  }
  changed_ = changed_chunks(plan, served_);
  plan_ = std::move(plan);
  metas_ = std::move(metas);
  before_ = std::exchange(shard_, std::move(shard));
  return watch.seconds();
}

Json Engine::order(Extent extent) const {
  Json order = {{"begin", plan_.layout.version},      {"first", next_bucket_},
                {"bucket_bytes", plan_.bucket_bytes}, {"traced", options_.traced_spans > 0},
                {"whole", extent == Extent::whole},   {"handles", handles_}};
  for (const Metas& metas : metas_) order["metas"].push_back(to_json(metas));
  return order;
}

// To the gate of this rank's pod, which passes the memory on to workers.
void Engine::tell_shard(const HostShard& shard) const {
  const Milliseconds limit = group_.policy().limit;
  Channel channel = Channel::to_local(gate_name_, limit);
  channel.send({{"role", "shard"}, {"rank", group_.rank()}}, limit, shard.descriptor());
  if (channel.receive(limit)) return;
  throw unavailable_error("the gate does not take a shard", "checkpoint engine", "");
}

struct Engine::Course {
  Extent extent{};
  UpdateReport report;
  size_t began = 0;           // workers of this pod
  bool changes_only = false;  // all workers of all pods have the version before
  std::vector<Gate::Outcome> outcomes;
};

UpdateReport Engine::update(size_t workers, Milliseconds patience, std::optional<Schedule> schedule,
                            Extent extent) {
  require(shard_ != nullptr, "an update needs weights", "Engine");
  Course course;
  course.extent = extent;
  course.report.version = plan_.layout.version;
  course.report.model_bytes = plan_.layout.model_bytes;
  call_in(course, workers, patience);
  const Stopwatch watch;
  if (course.report.reason.empty()) {
    move(course, schedule && fit_.buffers.allow(*schedule) ? *schedule : fit_.schedule);
  }
  course.report.seconds = watch.seconds();
  next_bucket_ += plan_.buckets.size();
  conclude(course);
  return course.report;
}

void Engine::call_in(Course& course, size_t workers, Milliseconds patience) {
  Gate::Beginning beginning;
  if (leads()) {
    gate_->wait_for(workers, patience);
    const Milliseconds limit = options_.stall + time_to_allocate(plan_);
    beginning = gate_->begin(order(course.extent), next_bucket_, limit);
    course.began = gate_->taking();
  }
  const uint64_t base = identity(served_);
  const auto is_other = [&](uint64_t held) { return held != base; };
  const bool all_needed = course.extent == Extent::whole || !stages_->direct() ||
                          std::ranges::count(changed_, 0) == 0 ||
                          std::ranges::any_of(beginning.holds, is_other);
  bool anywhere = false;
  course.report.reason = first_failure(beginning.error, all_needed, &anywhere);
  course.changes_only = !anywhere;
}

void Engine::move(Course& course, Schedule wish) {
  std::span<const char> travels;
  if (course.changes_only) travels = changed_;
  const Rounds::Result result =
      rounds_->run(plan_, *shard_, next_bucket_, wish, fit_.buffers, {options_.stall}, travels);
  course.report.schedule = result.schedule;
  std::string failure = result.failure;
  if (!result.failed) {
    // All sleep here until workers are done: in an agreement they would take their cores.
    segment_->wait_taken(next_bucket_ + plan_.buckets.size(), options_.stall,
                         group_.policy().limit);
    if (leads()) course.outcomes = gate_->collect(options_.stall);
  }
  for (const Gate::Outcome& outcome : course.outcomes) {
    if (!outcome.error.empty()) failure = outcome.name + ": " + outcome.error;
  }
  course.report.reason = first_failure(failure);
  const auto other_pods = static_cast<uint64_t>(pods_.count() - 1);
  for (size_t i = 0; i < plan_.chunks.size(); ++i) {
    if (travels.empty() || travels[i] != 0) {
      course.report.sent_bytes += plan_.chunks[i].bytes * other_pods;
    }
  }
}

// All know by now whether the update holds.
void Engine::conclude(Course& course) {
  UpdateReport& report = course.report;
  report.committed = report.reason.empty();
  if (report.committed) {
    offer();
    served_ = plan_;
    std::ranges::fill(changed_, 0);
  }
  uint64_t taken = 0;
  for (const Gate::Outcome& outcome : course.outcomes) taken += outcome.taken_bytes;
  Json own = {{"began", course.began},
              {"swapped", 0},
              {"swap_ns", 0},
              {"taken_bytes", taken},
              {"spans", Json::array()}};
  if (leads()) {
    const Json verdict = report.committed ? Json{{"verdict", "commit"}}
                                          : Json{{"verdict", "abort"}, {"reason", report.reason}};
    int64_t longest = 0;
    size_t swapped = 0;
    for (const Json& answer : gate_->finish(verdict, options_.stall)) {
      if (!answer.contains("swapped")) continue;
      ++swapped;
      longest = std::max(longest, answer.value("swap_ns", int64_t{0}));
    }
    own["swapped"] = swapped;
    own["swap_ns"] = longest;
    if (options_.traced_spans > 0) {
      for (const Gate::Outcome& outcome : course.outcomes) {
        own["spans"].push_back({outcome.name, outcome.spans});
      }
    }
  }
  add_up(report, own);
}

// What happened in all pods.
void Engine::add_up(UpdateReport& report, const Json& own) const {
  const std::vector<std::string> told = all_texts(group_, own.dump());
  for (size_t rank = 0; rank < told.size(); ++rank) {
    const Json their = Json::parse(told[rank]);
    const size_t swapped = their.at("swapped");
    report.workers += swapped;
    if (report.committed) report.dropped += their.at("began").get<size_t>() - swapped;
    report.taken_bytes += their.at("taken_bytes").get<uint64_t>();
    report.swap_s = std::max(report.swap_s, their.at("swap_ns").get<double>() * 1e-9);
    for (const Json& entry : their.at("spans")) {
      report.traced.push_back({pods_.of(static_cast<int>(rank)), entry.at(0), entry.at(1)});
    }
  }
}

void Engine::offer() {
  auto offer = std::make_shared<Offer>();
  offer->metas = metas_;
  offer->bucket_bytes = plan_.bucket_bytes;
  offer->rank = group_.rank();
  offer->peers = peers_;
  offer->shard = shard_;
  server_->offer(std::move(offer));
  if (leads()) gate_->greet_with({{"version", plan_.layout.version}});
}

}  // namespace podium::ckpt::engine
