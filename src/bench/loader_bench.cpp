// The loader alone, against one thread that copies the same bytes in order; and what the memory
// cache's policies hit when half of the images fit.
#include <algorithm>
#include <cstring>
#include <numeric>
#include <set>

#include "bench/io_bench.hpp"
#include "bench/samples.hpp"
#include "core/permutation.hpp"
#include "core/random.hpp"
#include "core/text.hpp"
#include "io/loader/cache_policy.hpp"
#include "io/loader/dataset.hpp"
#include "io/loader/loader.hpp"

namespace podium::bench {
namespace {

constexpr size_t batch = 128;
constexpr double giga = 1e9;
constexpr int epochs_per_sample = 3;
constexpr uint32_t trace_epochs = 10;
constexpr uint32_t trace_blocks = 100;
constexpr uint32_t trace_capacity = 50;

// Bytes per second of `epochs_per_sample` epochs; their number goes on from sample to sample.
double loader_rate(io::Loader& loader, uint64_t& epoch) {
  uint64_t bytes = 0;
  const double seconds = seconds_of([&] {
    for (int i = 0; i < epochs_per_sample; ++i) {
      loader.start_epoch(epoch++);
      while (const auto next = loader.next()) bytes += next->images.size();
    }
  });
  return static_cast<double>(bytes) / seconds / giga;
}

// The same bytes from one block of memory into as many batch buffers as the loader has.
class Copier {
 public:
  Copier(size_t bytes, size_t batch_bytes, size_t buffers)
      : from_(bytes, 1), to_(buffers, std::vector<uint8_t>(batch_bytes)) {}

  double rate() {
    const size_t each = to_.front().size();
    const double seconds = seconds_of([&] {
      for (int i = 0; i < epochs_per_sample; ++i) {
        for (size_t begin = 0, n = 0; begin + each <= from_.size(); begin += each, ++n) {
          std::memcpy(to_[n % to_.size()].data(), from_.data() + begin, each);
        }
      }
    });
    return static_cast<double>(epochs_per_sample * (from_.size() / each * each)) / seconds / giga;
  }

 private:
  std::vector<uint8_t> from_;
  std::vector<std::vector<uint8_t>> to_;
};

Row rate_row(const std::string& what, const Samples& ours, const Samples& copied) {
  Row row{what, "GB/s", ours.median(), ours.spread()};
  row.theirs = row.limit = copied.median();
  row.ratio = row.ours / *row.theirs;
  row.note = "theirs and limit: memcpy by one thread";
  return row;
}

io::LoaderOptions loader_options(size_t threads) {
  io::LoaderOptions options;
  options.batch = batch;
  options.seed = 1;
  options.shuffle = io::Shuffle::full;
  options.threads = threads;
  return options;
}

// Some epochs over all blocks, in the same order each time or in a new one.
std::vector<uint64_t> make_trace(bool reshuffled) {
  std::vector<uint64_t> trace;
  for (uint64_t epoch = 0; epoch < trace_epochs; ++epoch) {
    std::vector<uint32_t> order(trace_blocks);
    std::iota(order.begin(), order.end(), 0U);
    if (reshuffled) order = permutation(trace_blocks, Random(1, epoch));
    trace.insert(trace.end(), order.begin(), order.end());
  }
  return trace;
}

// How many blocks of `trace` the policy has in memory when they are needed.
uint64_t hits_of(io::CachePolicy policy, const std::vector<uint64_t>& trace) {
  const auto replacement = io::make_replacement(policy, trace_capacity);
  std::set<uint64_t> kept;
  uint64_t hits = 0;
  for (const uint64_t block : trace) {
    if (kept.contains(block)) {
      ++hits;
      replacement->touch(block);
      continue;
    }
    std::vector<uint64_t> victims;
    if (replacement->admit(block, 1, victims)) kept.insert(block);
    for (const uint64_t victim : victims) kept.erase(victim);
  }
  return hits;
}

}  // namespace

std::vector<Row> bench_loader(const IoBenchOptions& options, const std::filesystem::path& cache) {
  const io::Dataset dataset = io::Dataset::open(cache);
  const size_t batch_bytes = batch * dataset.info().image_bytes();
  constexpr size_t megabyte = size_t{1} << 20;
  Copier copier(dataset.size(io::Split::train) * dataset.info().image_bytes(), batch_bytes,
                std::max<size_t>(2, megabyte / batch_bytes));
  io::Loader none(dataset, loader_options(0));
  io::Loader one(dataset, loader_options(1));
  io::Loader two(dataset, loader_options(2));
  uint64_t epoch = 0;
  loader_rate(one, epoch);  // all is in memory afterwards
  const std::vector<Samples> samples =
      alternate(options.repetitions,
                {[&] { return copier.rate(); }, [&] { return loader_rate(none, epoch); },
                 [&] { return loader_rate(one, epoch); }, [&] { return loader_rate(two, epoch); }});
  const std::string name = format("loader, shuffled, batch %zu, ", batch);
  return {rate_row(name + "no thread", samples[1], samples[0]),
          rate_row(name + "1 thread", samples[2], samples[0]),
          rate_row(name + "2 threads", samples[3], samples[0])};
}

std::vector<Row> bench_hit_rates() {
  std::vector<Row> rows;
  for (const bool reshuffled : {false, true}) {
    const std::vector<uint64_t> trace = make_trace(reshuffled);
    const double percent = 100.0 / static_cast<double>(trace.size());
    for (const io::CachePolicy policy :
         {io::CachePolicy::pin, io::CachePolicy::lru, io::CachePolicy::two_queue}) {
      Row row;
      row.what = std::string("hits of ") + io::policy_name(policy) +
                 (reshuffled ? ", new order each epoch" : ", same order each epoch");
      row.unit = "%";
      row.ours = percent * static_cast<double>(hits_of(policy, trace));
      row.limit = percent * static_cast<double>(io::optimal_hits(trace, trace_capacity));
      row.note = format("%u epochs over %u blocks, room for %u; limit: knows the future",
                        trace_epochs, trace_blocks, trace_capacity);
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

}  // namespace podium::bench
