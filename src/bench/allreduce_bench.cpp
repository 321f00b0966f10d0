#include "bench/allreduce_bench.hpp"

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>

#include "bench/samples.hpp"
#include "comm/allreduce/allreduce.hpp"
#include "comm/barrier.hpp"
#include "comm/mpi/mpi_peer.hpp"
#include "core/clock.hpp"
#include "core/text.hpp"

namespace podium::bench {
namespace {

using comm::Algorithm;
using comm::AllReduce;

constexpr int most_rounds = 2000;  // sums of one repetition

// The largest of one number per rank, on every rank.
double slowest(comm::Communicator& group, double mine) {
  double all = mine;
  for (const std::string& text : comm::share_texts(group, format("%.17g", mine))) {
    all = std::max(all, std::stod(text));
  }
  return all;
}

// Bytes a second that one rank copies while all do, in blocks larger than any cache; each byte is
// read and written.
double memcpy_speed(comm::Communicator& group) {
  constexpr size_t bytes = size_t{64} << 20;
  std::vector<std::byte> from(bytes, std::byte{1});
  std::vector<std::byte> to(bytes);
  Samples samples;
  for (int i = 0; i < 7; ++i) {
    comm::barrier(group, group.policy());
    const Stopwatch watch;
    std::memcpy(to.data(), from.data(), bytes);
    samples.add(slowest(group, watch.seconds()));
  }
  return static_cast<double>(bytes) / samples.median();
}

// One size of one type: the vectors, and how long sums of them take.
template <typename T>
class Trial {
 public:
  Trial(comm::Communicator& group, size_t count, double seconds)
      : group_(group), seconds_(seconds), given_(count), values_(count), residual_(count) {
    for (size_t i = 0; i < count; ++i) given_[i] = contribution(i, group.rank());
  }

  std::span<const T> given() const { return given_; }
  std::span<T> values() { return values_; }
  std::span<T> residual() { return residual_; }

  // Elements that are not the sum, on all ranks, after one call of `sum`.
  uint64_t wrong(const std::function<void()>& sum) {
    std::ranges::copy(given_, values_.begin());
    sum();
    const T ranks = static_cast<T>(group_.size());
    uint64_t wrong = 0;
    for (size_t i = 0; i < values_.size(); ++i) {
      const T expected = ranks * static_cast<T>(i % modulus()) + 1;
      wrong += values_[i] != expected ? 1 : 0;
    }
    uint64_t all = 0;
    for (const std::string& text : comm::share_texts(group_, std::to_string(wrong))) {
      all += std::stoull(text);
    }
    return all;
  }

  // Seconds of one sum, on average over as many as the time allows. Values grow while they are
  // summed in place, so they are zeros then.
  double time(const std::function<void()>& sum) {
    std::ranges::fill(values_, T{0});
    comm::barrier(group_, group_.policy());
    const Stopwatch first;
    sum();
    const double guess = slowest(group_, first.seconds());
    const int rounds = std::clamp(static_cast<int>(seconds_ / guess), 1, most_rounds);
    comm::barrier(group_, group_.policy());
    const Stopwatch watch;
    for (int i = 0; i < rounds; ++i) sum();
    return slowest(group_, watch.seconds()) / rounds;
  }

 private:
  // Sums stay below 256, up to which bf16 has every integer.
  size_t modulus() const { return std::max<size_t>(1, 255 / static_cast<size_t>(group_.size())); }
  T contribution(size_t i, int rank) const {
    const bool mine = i % static_cast<size_t>(group_.size()) == static_cast<size_t>(rank);
    return static_cast<T>(i % modulus()) + (mine ? 1 : 0);
  }

  comm::Communicator& group_;
  double seconds_;
  std::vector<T> given_;
  std::vector<T> values_;
  std::vector<T> residual_;
};

// What may be rounded is floats, for which a residual is kept.
void sum_in_place(AllReduce& by, Trial<float>& trial) {
  by.sum(trial.values(), "bench, in place", trial.residual());
}
void sum_in_place(AllReduce& by, Trial<double>& trial) {
  by.sum(trial.values(), "bench, in place");
}
void sum_out_of_place(AllReduce& by, Trial<float>& trial) {
  by.sum(trial.given(), trial.values(), "bench, out of place", trial.residual());
}
void sum_out_of_place(AllReduce& by, Trial<double>& trial) {
  by.sum(trial.given(), trial.values(), "bench, out of place");
}

template <typename T>
const char* wire_of(const AllReduce& by, size_t bytes) {
  if (std::is_same_v<T, double>) return "fp64";
  return comm::name_of(by.wire_for(bytes));
}

class Benchmark {
 public:
  Benchmark(comm::MpiEnvironment& mpi, const AllReduceBenchOptions& options)
      : options_(options), group_(mpi.world("bench allreduce")) {
    group_->set_policy({std::chrono::minutes(5), Backoff::Kind::hot});
    comm::AllReduceOptions measured;
    measured.measure = true;
    measured.calibration = options.calibration;
    measured.log = options.log;
    measured.wire = options.wire;
    model_ = std::make_unique<AllReduce>(*group_, measured);
    for (const Algorithm algorithm : options.algorithms) {
      if (algorithm == Algorithm::automatic) continue;
      comm::AllReduceOptions one;
      one.algorithm = algorithm;
      if (algorithm != Algorithm::mpi) one.wire = options.wire;
      ours_.push_back(std::make_unique<AllReduce>(*group_, one));
    }
  }

  AllReduceBench run() {
    AllReduceBench bench;
    bench.ranks = group_->size();
    bench.nodes = static_cast<int>(model_->topology().nodes.size());
    bench.memcpy_bytes_per_s = memcpy_speed(*group_);
    bench.model = model_->model().table();
    for (size_t bytes = options_.least_bytes; bytes <= options_.most_bytes;
         bytes *= static_cast<size_t>(options_.factor)) {
      if (options_.type == "double") {
        measure<double>(bytes, bench.rows);
      } else {
        measure<float>(bytes, bench.rows);
      }
    }
    return bench;
  }

 private:
  template <typename T>
  void measure(size_t bytes, std::vector<AllReduceRow>& rows) {
    const size_t count = bytes / sizeof(T);
    Trial<T> trial(*group_, count, options_.seconds);
    std::vector<std::function<double()>> candidates;
    std::vector<AllReduceRow> fresh;
    const auto timed = [&](std::function<void()> sum) {
      candidates.emplace_back([&trial, sum = std::move(sum)] { return trial.time(sum); });
    };
    for (const auto& [allreduce, name, algorithm] : candidates_for(bytes)) {
      AllReduce* by = allreduce;
      const auto in_place = [by, &trial] { sum_in_place(*by, trial); };
      const auto out_of_place = [by, &trial] { sum_out_of_place(*by, trial); };
      AllReduceRow row;
      row.bytes = count * sizeof(T);
      row.count = count;
      row.type = comm::name_of(comm::element_type<T>());
      row.wire = wire_of<T>(*by, bytes);
      row.algorithm = name;
      row.wrong_in_place = trial.wrong(in_place);
      row.wrong_out_of_place = trial.wrong(out_of_place);
      const bool known = model_->model().costs().contains(algorithm) && group_->size() > 1;
      row.model_s = known ? model_->model().seconds(algorithm, bytes) : 0;
      fresh.push_back(row);
      timed(in_place);
      timed(out_of_place);
    }
    for (const comm::MpiPeer::Way& way : peer_.ways()) {
      timed([&, this] { peer_.sum(way, comm::elements(trial.values())); });
    }
    const std::vector<Samples> samples = alternate(options_.repetitions, candidates);
    fill_in(samples, fresh);
    std::ranges::move(fresh, std::back_inserter(rows));
  }

  struct Candidate {
    AllReduce* allreduce;
    std::string name;
    Algorithm algorithm;
  };

  std::vector<Candidate> candidates_for(size_t bytes) const {
    std::vector<Candidate> candidates;
    auto one = ours_.begin();
    for (const Algorithm algorithm : options_.algorithms) {
      if (algorithm == Algorithm::automatic) {
        const Algorithm chosen = model_->algorithm_for(bytes);
        candidates.push_back({model_.get(), format("auto (%s)", comm::name_of(chosen)), chosen});
      } else {
        candidates.push_back({(one++)->get(), comm::name_of(algorithm), algorithm});
      }
    }
    return candidates;
  }

  void fill_in(const std::vector<Samples>& samples, std::vector<AllReduceRow>& rows) const {
    const size_t first_way = 2 * rows.size();
    size_t best = 0;
    for (size_t way = 0; way < peer_.ways().size(); ++way) {
      if (samples[first_way + way].median() < samples[first_way + best].median()) best = way;
    }
    for (size_t i = 0; i < rows.size(); ++i) {
      rows[i].in_place_s = samples[2 * i].median();
      rows[i].spread = samples[2 * i].spread();
      rows[i].out_of_place_s = samples[2 * i + 1].median();
      rows[i].mpi_s = samples[first_way + best].median();
      rows[i].mpi_algorithm = peer_.ways()[best].name;
      rows[i].mpi_default_s = samples[first_way].median();
    }
  }

  const AllReduceBenchOptions& options_;
  std::unique_ptr<comm::Communicator> group_;
  comm::MpiPeer peer_;
  std::unique_ptr<AllReduce> model_;  // calibrated; what `auto` is here
  std::vector<std::unique_ptr<AllReduce>> ours_;
};

// 2 (P-1) / P
double bus_factor(const AllReduceBench& bench) {
  return 2.0 * (bench.ranks - 1) / bench.ranks;
}

// The least that a sum in place takes where memory is the limit: each rank reads its vector and
// writes it.
double limit_s(const AllReduceBench& bench, const AllReduceRow& row) {
  return static_cast<double>(row.bytes) / bench.memcpy_bytes_per_s;
}

}  // namespace

AllReduceBench bench_allreduce(comm::MpiEnvironment& mpi, const AllReduceBenchOptions& options) {
  return Benchmark(mpi, options).run();
}

std::string to_text(const AllReduceBench& bench) {
  const double bus = bus_factor(bench);
  std::string text = format(
      "%d ranks on %d node(s); each copies %.2f GB/s while all do; auto: %s\n"
      "%10s %10s %-6s %-5s %-19s | out of place %20s | in place %24s | %9s | MPI_Allreduce\n"
      "%10s %10s %-6s %-5s %-19s | %9s %7s %7s %6s | %9s %7s %7s %6s | %9s | %9s %9s  %-13s %6s "
      "%7s\n",
      bench.ranks, bench.nodes, bench.memcpy_bytes_per_s / 1e9, bench.model.c_str(), "", "", "", "",
      "", "", "", "model", "size B", "count", "type", "wire", "algorithm", "time us", "algbw",
      "busbw", "#wrong", "time us", "algbw", "busbw", "#wrong", "us", "default", "best us", "which",
      "ratio", "memory");
  for (const AllReduceRow& row : bench.rows) {
    const double out = row.algbw(row.out_of_place_s) / 1e9;
    const double in = row.algbw(row.in_place_s) / 1e9;
    text += format(
        "%10zu %10zu %-6s %-5s %-19s | %9.1f %7.2f %7.2f %6llu | %9.1f %7.2f %7.2f %6llu | %9.1f | "
        "%9.1f "
        "%9.1f  %-13s %6.2f %6.0f%%\n",
        row.bytes, row.count, row.type.c_str(), row.wire.c_str(), row.algorithm.c_str(),
        row.out_of_place_s * 1e6, out, out * bus,
        static_cast<unsigned long long>(row.wrong_out_of_place), row.in_place_s * 1e6, in, in * bus,
        static_cast<unsigned long long>(row.wrong_in_place), row.model_s * 1e6,
        row.mpi_default_s * 1e6, row.mpi_s * 1e6, row.mpi_algorithm.c_str(),
        row.mpi_s / row.in_place_s, 100 * limit_s(bench, row) / row.in_place_s);
  }
  return text;
}

nlohmann::ordered_json to_json(const AllReduceBench& bench) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const AllReduceRow& row : bench.rows) {
    rows.push_back({{"what", format("allreduce %s, %zu bytes, %d ranks", row.algorithm.c_str(),
                                    row.bytes, bench.ranks)},
                    {"unit", "us"},
                    {"bytes", row.bytes},
                    {"count", row.count},
                    {"type", row.type},
                    {"wire", row.wire},
                    {"algorithm", row.algorithm},
                    {"ours", row.in_place_s * 1e6},
                    {"spread", row.spread},
                    {"out_of_place_us", row.out_of_place_s * 1e6},
                    {"wrong", row.wrong_in_place + row.wrong_out_of_place},
                    {"algbw_gb_per_s", row.algbw(row.in_place_s) / 1e9},
                    {"busbw_gb_per_s", row.algbw(row.in_place_s) / 1e9 * bus_factor(bench)},
                    {"model_us", row.model_s * 1e6},
                    {"theirs", row.mpi_s * 1e6},
                    {"theirs_algorithm", row.mpi_algorithm},
                    {"theirs_default_us", row.mpi_default_s * 1e6},
                    {"ratio", row.mpi_s / row.in_place_s},
                    {"limit", limit_s(bench, row) * 1e6}});
  }
  return rows;
}

}  // namespace podium::bench
