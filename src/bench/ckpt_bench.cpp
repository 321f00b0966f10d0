#include "bench/ckpt_bench.hpp"

#include <algorithm>
#include <cstring>
#include <exception>
#include <functional>
#include <nlohmann/json.hpp>
#include <thread>

#include "bench/ckpt_trace.hpp"
#include "bench/samples.hpp"
#include "ckpt/engine/device_stages.hpp"
#include "ckpt/engine/worker.hpp"
#include "comm/barrier.hpp"
#include "comm/gather.hpp"
#include "comm/inproc/inproc_world.hpp"
#include "core/error.hpp"
#include "core/worker_process.hpp"

namespace podium::bench {
namespace {

using namespace ckpt::engine;
using Json = nlohmann::ordered_json;

constexpr uint64_t tensor_bytes = uint64_t{48} << 20;  // of the model's tensors, but for the last
constexpr uint64_t traced_bytes = uint64_t{256} << 20;
constexpr size_t copied_bytes = size_t{64} << 20;
constexpr uint64_t traced_rounds = 3;
constexpr uint64_t changed_share = 10;  // one of so many chunks
constexpr int devices_alone = 4;
constexpr int most_alone = 64;  // each has memory and a worker process of its own

std::vector<Piece> model_of(uint64_t bytes) {
  std::vector<Piece> model;
  for (uint64_t first = 0; first < bytes; first += tensor_bytes) {
    const uint64_t count = std::min(tensor_bytes, bytes - first) / sizeof(float);
    model.push_back({"layer" + std::to_string(model.size()), {count}, 4, 0, 4 * count});
  }
  return model;
}

// One rank, with the worker of its device.
class RankBench {
 public:
  RankBench(comm::Communicator& group, const CkptBenchOptions& options)
      : group_(group), options_(options), pods_(group.size(), options.pods) {}

  CkptBench run() {
    CkptBench bench;
    bench.size_bytes = options_.size_bytes;
    bench.pods = options_.pods;
    bench.devices = options_.devices;
    measure(bench);
    if (!options_.trace_folder.empty()) trace();
    return bench;
  }

 private:
  void measure(CkptBench& bench) {
    Engine engine(group_, options_.pods, options_.engine);
    bench.bucket_bytes = engine.buffers().buffers.bucket_bytes;
    bench.on_gpus = engine.on_gpus();
    make_copy(bench.on_gpus);
    WorkerProcess worker = start_worker(engine);
    auto shard = make_shard(engine, options_.size_bytes, 0);
    comm::barrier(group_, {options_.timeout, Backoff::Kind::idle});
    bench.gather_s = engine.hold(std::move(shard));
    update(engine, Schedule::three);  // which touches all memory
    const std::vector<Schedule> schedules = schedules_of(engine);
    std::vector<UpdateReport> last(schedules.size());
    UpdateReport changes;
    std::vector<std::function<double()>> candidates;
    for (size_t i = 0; i < schedules.size(); ++i) {
      candidates.emplace_back([&, i] {
        last[i] = update(engine, schedules[i]);
        return last[i].seconds;
      });
    }
    candidates.emplace_back([&] { return update_of_changes(engine, changes); });
    candidates.emplace_back([&] { return copy_speed(); });
    const std::vector<Samples> samples = alternate(options_.repetitions, candidates);
    bench.copy_bytes_per_s = samples.back().median();
    for (size_t i = 0; i < schedules.size(); ++i) {
      std::string way = to_string(schedules[i]);
      if (schedules[i] == Schedule::automatic) {
        way += std::string(" (") + to_string(last[i].schedule) + ")";
      }
      bench.rows.push_back({way, samples[i].median(), samples[i].spread(), last[i].swap_s,
                            all_bytes(), all_bytes(), last[i].sent_bytes});
    }
    const Samples& delta = samples[schedules.size()];
    bench.rows.push_back({"changes", delta.median(), delta.spread(), changes.swap_s, all_bytes(),
                          changes.taken_bytes, changes.sent_bytes});
    bench.rows.push_back(fetch_row(engine));
    worker.end(std::chrono::milliseconds(0));
  }

  std::vector<Schedule> schedules_of(const Engine& engine) const {
    std::vector<Schedule> schedules;
    for (const Schedule schedule : {Schedule::one, Schedule::two, Schedule::three}) {
      if (engine.buffers().buffers.allow(schedule)) schedules.push_back(schedule);
    }
    schedules.push_back(Schedule::automatic);
    return schedules;
  }

  // Each device's worker takes its part of the copy that its pod shares.
  WorkerProcess start_worker(const Engine& engine) const {
    const int pod = pods_.of(group_.rank());
    const auto part = static_cast<size_t>(group_.rank() - pods_.first(pod));
    return WorkerProcess::start(worker_arguments(engine.gate(),
                                                 "device " + std::to_string(group_.rank()), part,
                                                 static_cast<size_t>(options_.devices)));
  }

  // After `steps` steps of a training that changes every tenth chunk, another tenth in each.
  std::unique_ptr<HostShard> make_shard(Engine& engine, uint64_t bytes, uint64_t steps) const {
    auto shard = engine.make_shard(1 + steps, "",
                                   slice_of(model_of(bytes), static_cast<size_t>(group_.rank()),
                                            static_cast<size_t>(group_.size())));
    uint64_t offset = 0;  // in the shard
    for (size_t i = 0; i < shard->metas().pieces.size(); ++i) {
      const std::span<std::byte> piece = shard->piece(i);
      for (uint64_t first = 0; first < piece.size();) {
        const uint64_t chunk = (offset + first) / chunk_bytes;
        const uint64_t count =
            std::min(piece.size() - first, (chunk + 1) * chunk_bytes - offset - first);
        const uint64_t changes = (steps + chunk % changed_share) / changed_share;
        std::memset(piece.data() + first, static_cast<int>(chunk + 7 * changes), count);
        first += count;
      }
      offset += aligned(piece.size());
    }
    shard->seal();
    return shard;
  }

  // The next step's weights, of which what has not changed stays where it is. The second of two:
  // workers fill the memory of the version before the last.
  double update_of_changes(Engine& engine, UpdateReport& report) {
    for (int i = 0; i < 2; ++i) {
      engine.hold(make_shard(engine, options_.size_bytes, ++steps_));
      report = update(engine, Schedule::three, Extent::changes);
    }
    return report.seconds;
  }

  uint64_t all_bytes() const { return options_.size_bytes * static_cast<uint64_t>(options_.pods); }

  UpdateReport update(Engine& engine, Schedule schedule, Extent extent = Extent::whole) const {
    UpdateReport report =
        engine.update(static_cast<size_t>(options_.devices), options_.timeout, schedule, extent);
    const auto all = static_cast<size_t>(group_.size());
    if (report.committed && report.workers == all) return report;
    throw unavailable_error("an update reached " + std::to_string(report.workers) + " of " +
                                std::to_string(all) + " workers: " + report.reason,
                            "bench ckpt", "measure fewer or smaller devices");
  }

  // What the limit is measured by.
  void make_copy(bool on_gpus) {
    if (on_gpus) {
      copy_ = pinned_copy(options_.engine.gpu, copied_bytes);
      return;
    }
    from_ = Block(copied_bytes, "the measurement");
    to_ = Block(copied_bytes, "the measurement");
    copy_ = [this] { std::memcpy(to_.data(), from_.data(), copied_bytes); };
  }

  // Bytes per second that all ranks copy together.
  double copy_speed() {
    constexpr int times = 4;
    comm::barrier(group_, group_.policy());
    const Stopwatch watch;
    for (int i = 0; i < times; ++i) copy_();
    comm::barrier(group_, group_.policy());
    return static_cast<double>(copied_bytes) * times * group_.size() / watch.seconds();
  }

  // A newcomer's way: one process takes all shards by TCP, and keeps a device's part.
  CkptRow fetch_row(const Engine& engine) const {
    CkptRow row{"p2p", 0, 0, 0, options_.size_bytes, options_.size_bytes, 0};
    if (group_.rank() == 0) {
      Samples samples;
      for (int i = 0; i < std::min(options_.repetitions, 3); ++i) {
        samples.add(seconds_of([&] {
          fetch({engine.peers(), options_.engine.secret, 0, static_cast<size_t>(options_.devices),
                 options_.timeout});
        }));
      }
      row.seconds = samples.median();
      row.spread = samples.spread();
    }
    comm::barrier(group_, {options_.timeout, Backoff::Kind::idle});
    return row;
  }

  // --- the picture ---

  // A run of its own, with few and large buckets and every stage as on a GPU.
  void trace() {
    EngineOptions options = options_.engine;
    const uint64_t bytes = std::min(traced_bytes, options_.size_bytes);
    options.copies = true;
    options.schedule = Schedule::three;
    options.bucket_bytes =
        aligned(bytes / (static_cast<uint64_t>(group_.size()) * traced_rounds) + 1);
    options.traced_spans = 1000;
    Engine engine(group_, options_.pods, options);
    WorkerProcess worker = start_worker(engine);
    engine.hold(make_shard(engine, bytes, 0));
    update(engine, Schedule::three);
    const UpdateReport report = update(engine, Schedule::three);
    const std::vector<std::string> texts =
        comm::gather_texts(group_, own_spans(engine.rounds()).dump(), 0);
    worker.end(std::chrono::milliseconds(0));
    if (group_.rank() != 0) return;
    std::vector<DeviceSpan> spans = spans_of_ranks(texts);
    for (const WorkerSpans& traced : report.traced) {
      const int device = std::stoi(traced.worker.substr(traced.worker.find(' ') + 1));
      for (const auto& [begin, end] : traced.reloads) {
        spans.push_back({device, DeviceSpan::Kind::reload, begin, end});
      }
    }
    write_trace(options_.trace_folder, spans, group_.size());
  }

  static Json own_spans(Rounds& rounds) {
    Json spans = Json::array();
    for (const Span& span : rounds.upload_spans().spans()) {
      spans.push_back({span.name, span.begin_ns, span.end_ns});
    }
    for (const Span& span : rounds.broadcast_spans().spans()) {
      spans.push_back({span.name, span.begin_ns, span.end_ns});
    }
    return spans;
  }

  // What the owner writes into the buffer that its pod shares arrives at all devices of the pod.
  std::vector<DeviceSpan> spans_of_ranks(const std::vector<std::string>& texts) const {
    std::vector<DeviceSpan> spans;
    for (int rank = 0; rank < group_.size(); ++rank) {
      for (const Json& entry : Json::parse(texts[static_cast<size_t>(rank)])) {
        const std::string name = entry.at(0);
        const auto kind = name == "H2D"               ? DeviceSpan::Kind::h2d
                          : name == "broadcast (src)" ? DeviceSpan::Kind::source
                                                      : DeviceSpan::Kind::destination;
        spans.push_back({rank, kind, entry.at(1), entry.at(2)});
        if (kind == DeviceSpan::Kind::h2d) continue;
        const int pod = pods_.of(rank);
        for (int other = pods_.first(pod); other < pods_.first(pod + 1); ++other) {
          if (other == rank) continue;
          spans.push_back({other, DeviceSpan::Kind::destination, entry.at(1), entry.at(2)});
        }
      }
    }
    return spans;
  }

  comm::Communicator& group_;
  const CkptBenchOptions& options_;
  Pods pods_;
  uint64_t steps_ = 0;
  Block from_;
  Block to_;
  std::function<void()> copy_;
};

// All ranks as threads of this process.
CkptBench bench_alone(const CkptBenchOptions& options) {
  const int ranks = options.pods * options.devices;
  comm::InprocWorld world(ranks, "bench ckpt");
  CkptBench bench;
  std::exception_ptr failure;
  std::vector<std::thread> threads;
  for (int rank = 0; rank < ranks; ++rank) {
    threads.emplace_back([&, rank] {
      const auto group = world.communicator(rank);
      group->set_policy({options.timeout, Backoff::Kind::hot});
      try {
        CkptBench outcome = RankBench(*group, options).run();
        if (rank == 0) bench = std::move(outcome);
      } catch (...) {
        if (rank == 0) failure = std::current_exception();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  if (failure) std::rethrow_exception(failure);
  return bench;
}

}  // namespace

CkptBench bench_ckpt(comm::MpiEnvironment& mpi, CkptBenchOptions options) {
  const bool alone = mpi.size() == 1;
  if (options.devices == 0) {
    options.devices = alone ? devices_alone : std::max(1, mpi.size() / options.pods);
  }
  options.size_bytes = options.size_bytes / sizeof(float) * sizeof(float);
  if (options.size_bytes == 0) {
    throw usage_error("a model has 4 bytes at least", "--bench.size", "give a size, e.g. 2GB");
  }
  options.engine.secret = "bench";  // of this machine's loopback, for a made-up model
  if (alone) {
    if (options.pods * options.devices > most_alone) {
      throw usage_error("one process plays at most " + std::to_string(most_alone) +
                            " devices, not " + std::to_string(options.pods) + " x " +
                            std::to_string(options.devices),
                        "--bench.pods and --bench.devices", "take fewer, or start a rank for each");
    }
    return bench_alone(options);
  }
  if (options.pods * options.devices != mpi.size()) {
    throw usage_error(std::to_string(options.pods) + " pods of " + std::to_string(options.devices) +
                          " devices are not " + std::to_string(mpi.size()) + " ranks",
                      "--bench.pods and --bench.devices",
                      "start as many ranks, or one, which plays all");
  }
  const std::unique_ptr<comm::Communicator> group = mpi.world("bench ckpt");
  group->set_policy({options.timeout, Backoff::Kind::hot});
  return RankBench(*group, options).run();
}

}  // namespace podium::bench
