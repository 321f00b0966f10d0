#include "bench/ps_bench.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "bench/peer.hpp"
#include "bench/samples.hpp"
#include "core/clock.hpp"
#include "core/cpu_time.hpp"
#include "core/error.hpp"
#include "ps/tcp/server_group.hpp"

namespace podium::bench {
namespace {

using ps::Worker;

constexpr size_t sparse_keys = 100'000;
constexpr size_t most_under_way_bytes = size_t{64} << 20;
constexpr std::array<size_t, 7> sizes = {4,
                                         size_t{4} << 10,
                                         size_t{64} << 10,
                                         size_t{1} << 20,
                                         size_t{4} << 20,
                                         size_t{16} << 20,
                                         size_t{64} << 20};

std::vector<PsWork> works_of(const PsBenchOptions& options) {
  std::vector<PsWork> works;
  for (const char* operation : {"push", "pull", "push_pull"}) {
    for (const size_t bytes : sizes) {
      if (bytes < options.least_bytes || bytes > options.most_bytes) continue;
      works.push_back({operation, bytes, 1, false});
      const auto fit = static_cast<int>(most_under_way_bytes / bytes);
      const int several = std::min(options.in_flight, fit);
      if (several > 1) works.push_back({operation, bytes, several, false});
    }
  }
  constexpr size_t sparse_bytes = sparse_keys * sizeof(float);
  if (sparse_bytes < options.least_bytes || sparse_bytes > options.most_bytes) return works;
  for (const char* operation : {"push", "pull"}) {
    for (const int in_flight : {1, options.in_flight}) {
      works.push_back({operation, sparse_bytes, in_flight, true});
    }
  }
  return works;
}

std::vector<PsWork> checked(std::vector<PsWork> works, const PsBenchOptions& options) {
  if (!works.empty()) return works;
  throw usage_error("no size that is measured has " + std::to_string(options.least_bytes) + " to " +
                        std::to_string(options.most_bytes) + " bytes",
                    "--bench.min_bytes, --bench.max_bytes",
                    "let one of these be between them: 4, 4KiB, 64KiB, 1MiB, 4MiB, 16MiB, 64MiB");
}

double percentile(std::vector<double>& sorted, double share) {
  return sorted[static_cast<size_t>(share * static_cast<double>(sorted.size() - 1))];
}

// A group of one server, its worker, and what is moved.
class Bed {
 public:
  Bed(const PsBenchOptions& options, bool shared_memory) : options_(options) {
    group_options_.servers = 1;
    group_options_.consistency = ps::Consistency::asp;
    group_options_.optimizer.rule = ps::Rule::sum;
    values_ = std::max(options.most_bytes / sizeof(float), sparse_keys);
    const std::vector<ps::NamedSize> buffers = {{"theta", values_}};
    ps::ServerGroup::Options group;
    group.group = group_options_;
    group.shared_memory = shared_memory;
    group.log = options.log;
    group_ = std::make_unique<ps::ServerGroup>(buffers, std::vector<float>(values_), group);
    worker_ =
        ps::join_group(group_->ticket(), 0, ps::KeyMap(buffers, group_options_), group_options_);
    keys_.resize(sparse_keys);
    for (size_t i = 0; i < sparse_keys; ++i) {
      keys_[i] = static_cast<uint32_t>(i * values_ / sparse_keys);
    }
  }

  PsFigures measure(const PsWork& work) {
    const size_t count = work.bytes / sizeof(float);
    const auto several = static_cast<size_t>(work.in_flight);
    pushed_.assign(std::max(pushed_.size(), count * several), 1e-6F);
    pulled_.resize(std::max(pulled_.size(), count * several));
    size_t place = 0;
    const auto begin = [&] {
      const size_t first = place++ % several * count;
      return start(work, std::span<const float>(pushed_).subspan(first, count),
                   std::span(pulled_).subspan(first, count));
    };
    for (size_t i = 0; i < several; ++i) worker_->wait(begin());  // touches all there is
    std::deque<std::pair<Worker::Ticket, SteadyClock::time_point>> under_way;
    std::vector<double> times_us;
    const double cpu = cpu_s();
    const Stopwatch watch;
    while (watch.seconds() < options_.seconds || times_us.size() < several) {
      while (under_way.size() < several) {
        const auto now = SteadyClock::now();
        under_way.emplace_back(begin(), now);
      }
      worker_->wait(under_way.front().first);
      const std::chrono::duration<double> took = SteadyClock::now() - under_way.front().second;
      times_us.push_back(took.count() * 1e6);
      under_way.pop_front();
    }
    const double moved = static_cast<double>(times_us.size()) * work.moved_bytes();
    const PsFigures rates{moved / watch.seconds(), 0, 0, (cpu_s() - cpu) * 1e9 / moved};
    worker_->wait_all();
    std::ranges::sort(times_us);
    return {rates.bytes_per_s, percentile(times_us, 0.5), percentile(times_us, 0.99),
            rates.cpu_ns_per_byte};
  }

 private:
  Worker::Ticket start(const PsWork& work, std::span<const float> push, std::span<float> pull) {
    const ps::Rows rows{0, 1, keys_};
    if (work.operation == "push") {
      return work.sparse ? worker_->push(rows, push) : worker_->push(push, size_t{0});
    }
    if (work.operation == "pull") {
      return work.sparse ? worker_->pull(rows, pull) : worker_->pull(pull, size_t{0});
    }
    return worker_->push_pull(push, pull, 0);
  }

  double cpu_s() const { return process_cpu_s() + process_cpu_s(group_->pid(0)); }

  const PsBenchOptions& options_;
  ps::GroupOptions group_options_;
  size_t values_ = 0;
  std::unique_ptr<ps::ServerGroup> group_;
  std::unique_ptr<Worker> worker_;
  std::vector<uint32_t> keys_;
  std::vector<float> pushed_;
  std::vector<float> pulled_;
};

// Bytes a second that one thread copies in blocks of such a work.
double copy_speed(const PsWork& work, double seconds) {
  const auto several = static_cast<size_t>(work.in_flight);
  std::vector<std::byte> from(work.bytes * several, std::byte{1});
  std::vector<std::byte> to(work.bytes * several);
  size_t copies = 0;
  const Stopwatch watch;
  while (watch.seconds() < seconds / 4) {
    for (int i = 0; i < 16; ++i) {
      const size_t first = copies++ % several * work.bytes;
      std::memcpy(to.data() + first, from.data() + first, work.bytes);
      asm volatile("" : : "r"(to.data()) : "memory");
    }
  }
  return static_cast<double>(copies * work.bytes) / watch.seconds();
}

// All works of ps-lite, once.
std::vector<PsFigures> measure_peer(const PsBenchOptions& options,
                                    const std::vector<PsWork>& works) {
  std::vector<std::string> command = {"python3", options.peer, std::to_string(options.seconds)};
  for (const PsWork& work : works) {
    command.push_back(work.operation + (work.sparse ? ",sparse," : ",dense,") +
                      std::to_string(work.bytes) + "," + std::to_string(work.in_flight));
  }
  std::vector<PsFigures> figures;
  const nlohmann::json rows = run_peer(command).at("rows");
  for (const nlohmann::json& row : rows) {
    figures.push_back(
        {row.at("bytes_per_s"), row.at("p50_us"), row.at("p99_us"), row.at("cpu_ns_per_byte")});
  }
  require(figures.size() == works.size(), "the peer measures all that it is asked", "bench ps");
  return figures;
}

struct Measured {
  Samples rate, p50, p99, cpu;

  void add(const PsFigures& figures) {
    rate.add(figures.bytes_per_s);
    p50.add(figures.p50_us);
    p99.add(figures.p99_us);
    cpu.add(figures.cpu_ns_per_byte);
  }
  PsFigures medians() const { return {rate.median(), p50.median(), p99.median(), cpu.median()}; }
};

}  // namespace

double PsWork::moved_bytes() const {
  return static_cast<double>(bytes) * (operation == "push_pull" ? 2 : 1);
}

PsBench bench_ps(const PsBenchOptions& options) {
  const std::vector<PsWork> works = checked(works_of(options), options);
  Bed memory(options, true);
  Bed tcp(options, false);
  std::vector<std::array<Measured, 3>> measured(works.size());  // memory, tcp, theirs
  std::vector<Samples> copies(works.size());
  PsBench bench;
  bool has_peer = !options.peer.empty();
  if (!has_peer) bench.peer = "ps-lite is not built (bench/make_ps_lite.sh)";
  for (int round = 0; round < options.repetitions; ++round) {
    for (size_t i = 0; i < works.size(); ++i) {
      measured[i][0].add(memory.measure(works[i]));
      measured[i][1].add(tcp.measure(works[i]));
      copies[i].add(copy_speed(works[i], options.seconds));
    }
    if (!has_peer) continue;
    try {
      const std::vector<PsFigures> theirs = measure_peer(options, works);
      for (size_t i = 0; i < works.size(); ++i) measured[i][2].add(theirs[i]);
      bench.peer = "ps-lite by TCP, one worker and one server";
    } catch (const Error& error) {
      bench.peer = error.what();
      has_peer = false;
    }
  }
  for (const size_t way : {0, 1}) {
    for (size_t i = 0; i < works.size(); ++i) {
      PsRow row{way == 0 ? "shared memory" : "tcp", works[i], measured[i][way].medians(),
                measured[i][way].rate.spread(),     {},       copies[i].median()};
      if (has_peer) row.theirs = measured[i][2].medians();
      bench.rows.push_back(row);
    }
  }
  return bench;
}

}  // namespace podium::bench
