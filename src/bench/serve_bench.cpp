#include "bench/serve_bench.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string_view>

#include "bench/echo_server.hpp"
#include "bench/fixed_replica.hpp"
#include "bench/own_service.hpp"
#include "bench/samples.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

namespace podium::bench {
namespace {

constexpr double warm_up_s = 0.2;
constexpr double search_from = 50;  // requests per second
const AskedImages fashion{1, 28, 28, 1};

// What is measured in turns with others.
struct Candidate {
  std::string what;
  LoadTarget target;
  LoadOptions load;
  std::function<CpuTimes()> cpu = {};  // of the server; empty: not known
};

// How many requests were not answered with 200, by status or by what went wrong.
std::map<std::string, int64_t> failures_of(const LoadReport& report) {
  std::map<std::string, int64_t> failures;
  for (const auto& [status, count] : report.statuses) {
    if (status != 200) failures[std::to_string(status)] = count;
  }
  if (report.broken > 0) failures["broken"] = report.broken;
  if (report.timed_out > 0) failures["timed out"] = report.timed_out;
  return failures;
}

// The repetitions of one candidate.
class Tally {
 public:
  explicit Tally(const Candidate& candidate) : candidate_(candidate) {}

  double measure() {
    const CpuTimes before = candidate_.cpu ? candidate_.cpu() : CpuTimes{};
    LoadOptions load = candidate_.load;
    load.seed += round_++;  // other times each
    const LoadReport report = run_load(candidate_.target, load);
    const CpuTimes after = candidate_.cpu ? candidate_.cpu() : CpuTimes{};
    add(report, {after.process - before.process - report.cpu_s, after.replicas - before.replicas});
    return report.per_second();
  }

  ServeRow row(const Samples& samples) const {
    ServeRow row;
    row.what = candidate_.what;
    row.per_second = samples.median();
    row.spread = samples.spread();
    if (candidate_.load.clients == 0) row.asked_per_second = candidate_.load.per_second;
    row.p50_ms = p50_.median();
    row.p90_ms = p90_.median();
    row.p99_ms = p99_.median();
    row.p99_9_ms = p99_9_.median();
    row.most_ms = most_ms_;
    row.requests = requests_;
    row.failed = failed_;
    if (candidate_.cpu) {
      row.service_us = service_us_.median();
      row.replicas_us = replicas_us_.median();
    }
    row.load_us = load_us_.median();
    row.late_p99_ms = late_.median();
    return row;
  }

 private:
  void add(const LoadReport& report, const CpuTimes& cost) {
    p50_.add(report.latency.percentile(0.5));
    p90_.add(report.latency.percentile(0.9));
    p99_.add(report.latency.percentile(0.99));
    p99_9_.add(report.latency.percentile(0.999));
    most_ms_ = std::max(most_ms_, report.latency.most_ms());
    late_.add(report.lateness.percentile(0.99));
    requests_ += report.due;
    for (const auto& [why, count] : failures_of(report)) failed_[why] += count;
    const auto answers = static_cast<double>(std::max<int64_t>(1, report.due));
    service_us_.add(1e6 * cost.process / answers);
    replicas_us_.add(1e6 * cost.replicas / answers);
    load_us_.add(1e6 * report.cpu_s / answers);
  }

  const Candidate& candidate_;
  uint64_t round_ = 0;
  Samples p50_, p90_, p99_, p99_9_, late_, service_us_, replicas_us_, load_us_;
  double most_ms_ = 0;
  int64_t requests_ = 0;
  std::map<std::string, int64_t> failed_;
};

Error nothing_answered(const std::string& where, const std::map<std::string, int64_t>& failed) {
  return unavailable_error("no request was answered with 200 (" + failures_text(failed) + ")",
                           where, "see what the server says to one, by curl or in its log");
}

// Throws unavailable_error when there are rows, and no request of any was answered.
void require_answers(const std::vector<ServeRow>& rows) {
  const auto unanswered = [](const ServeRow& row) {
    int64_t failed = 0;
    for (const auto& [why, count] : row.failed) failed += count;
    return row.requests > 0 && failed == row.requests;
  };
  if (rows.empty() || !std::ranges::all_of(rows, unanswered)) return;
  throw nothing_answered(rows.front().what, rows.front().failed);
}

// In turns, after a warm-up of each.
std::vector<ServeRow> measure(const std::vector<Candidate>& candidates, int repetitions) {
  std::vector<Tally> tallies(candidates.begin(), candidates.end());
  std::vector<std::function<double()>> turns;
  for (size_t i = 0; i < candidates.size(); ++i) {
    LoadOptions warm = candidates[i].load;
    warm.seconds = std::min(warm.seconds, warm_up_s);
    run_load(candidates[i].target, warm);
    turns.emplace_back([&tally = tallies[i]] { return tally.measure(); });
  }
  const std::vector<Samples> samples = alternate(repetitions, turns);
  std::vector<ServeRow> rows;
  for (size_t i = 0; i < tallies.size(); ++i) rows.push_back(tallies[i].row(samples[i]));
  return rows;
}

void compare(ServeRow& row, const ServeRow& other) {
  row.theirs = other.what;
  row.theirs_per_second = other.per_second;
}

std::string named(const std::string& kind, const std::string& model, int replicas) {
  return format("%s, %s, %d replica%s", kind.c_str(), model.c_str(), replicas,
                replicas == 1 ? "" : "s");
}

class ServeBench {
 public:
  explicit ServeBench(const ServeBenchOptions& options) : options_(options) {}

  std::vector<ServeRow> run() {
    for (const std::string& name : options_.cases) run_case(name);
    require_answers(rows_);
    return std::move(rows_);
  }

 private:
  void run_case(const std::string& name) {
    options_.log.info("bench serve: " + name);
    if (name == "costs") {
      measure_costs(fixed_model(0));
      for (const ServedModel& model : options_.models) measure_costs(model);
    } else if (name == "fixed") {
      // A batch of one image, or more of them would share the fixed time.
      measure_replicas(fixed_model(options_.service_ms), {1, 3}, 1);
    } else if (name == "replicas") {
      for (const ServedModel& model : options_.models) measure_replicas(model, {1, 2}, 0);
    } else {
      for (const ServedModel& model : options_.models) measure_load(model);
    }
  }

  ServedModel fixed_model(int milliseconds) const {
    const std::string name = milliseconds == 0 ? "no model" : format("%d ms", milliseconds);
    return {name, name, fixed_replica_arguments(options_.service.model_name, milliseconds),
            fashion};
  }

  LoadOptions closed_loop() const {
    LoadOptions load = options_.load;
    if (load.clients == 0) load.clients = 16;
    return load;
  }

  Candidate candidate(const std::string& what, const OwnService& service, const std::string& kind,
                      const LoadOptions& load) const {
    return {what, service.target(kind), load, [&service] { return service.cpu(); }};
  }

  // Each kind of request, beside its echo.
  void measure_costs(const ServedModel& model) {
    const OwnService service(options_, model, options_.service.replicas, 0);
    const EchoServer echo;
    std::vector<Candidate> candidates;
    for (const std::string& kind : options_.kinds) {
      candidates.push_back(candidate(named(kind, model.name, options_.service.replicas), service,
                                     kind, closed_loop()));
      LoadTarget bare = candidates.back().target;
      bare.port = echo.port();
      bare.credentials = {};  // it speaks no TLS
      candidates.push_back({"echo of " + kind, std::move(bare), closed_loop(), [&service] {
                              return CpuTimes{service.cpu().process, 0};
                            }});
    }
    std::vector<ServeRow> rows = measure(candidates, options_.repetitions);
    for (size_t i = 0; i + 1 < rows.size(); i += 2) compare(rows[i], rows[i + 1]);
    std::ranges::move(rows, std::back_inserter(rows_));
  }

  // The first count of replicas is what the others are compared with.
  void measure_replicas(const ServedModel& model, const std::vector<int>& counts, int max_batch) {
    std::vector<std::unique_ptr<OwnService>> services;
    std::vector<Candidate> candidates;
    const std::string& kind = options_.kinds.back();
    for (const int count : counts) {
      services.push_back(std::make_unique<OwnService>(options_, model, count, max_batch));
      candidates.push_back(
          candidate(named(kind, model.name, count), *services.back(), kind, closed_loop()));
    }
    std::vector<ServeRow> rows = measure(candidates, options_.repetitions);
    for (size_t i = 1; i < rows.size(); ++i) compare(rows[i], rows.front());
    std::ranges::move(rows, std::back_inserter(rows_));
  }

  void measure_load(const ServedModel& model) {
    const OwnService service(options_, model, options_.service.replicas, 0);
    for (const std::string& kind : options_.kinds) {
      const std::string what = named(kind, model.name, options_.service.replicas);
      measure_pace(candidate(what, service, kind, options_.load));
    }
  }

 public:
  // At each rate that is asked for.
  std::vector<ServeRow> measure_pace(Candidate candidate) {
    std::vector<double> rates = options_.pace.rates;
    if (options_.pace.kind == Pace::Kind::half) rates = {reached(candidate) / 2};
    if (options_.pace.kind == Pace::Kind::search) rates = {searched(candidate)};
    const std::string what = candidate.what;
    candidate.load.clients = 0;
    for (const double rate : rates) {
      if (rate <= 0) continue;  // none was found
      candidate.load.per_second = rate;
      candidate.what = what + format(", %.0f/s", rate);
      std::ranges::move(measure({candidate}, options_.repetitions), std::back_inserter(rows_));
    }
    return rows_;
  }

 private:
  double reached(const Candidate& candidate) const {
    LoadOptions load = closed_loop();
    run_load(candidate.target, load);
    const LoadReport report = run_load(candidate.target, load);
    if (report.answered() == 0) throw nothing_answered(candidate.what, failures_of(report));
    return report.per_second();
  }

  double searched(Candidate candidate) const {
    LoadReport all;
    const double rate = highest_rate(search_from, [&](double per_second) {
      candidate.load.clients = 0;
      candidate.load.per_second = per_second;
      const LoadReport report = run_load(candidate.target, candidate.load);
      all.add(report);
      const double p99_ms = report.latency.percentile(0.99);
      options_.log.info(format("bench serve: %.0f/s: p99 %.3f ms, %lld failed", per_second, p99_ms,
                               static_cast<long long>(report.failed())));
      return report.failed() == 0 && p99_ms <= options_.pace.p99_ms;
    });
    if (all.answered() == 0) throw nothing_answered(candidate.what, failures_of(all));
    if (rate == 0) options_.log.warning("bench serve: no rate holds the p99 asked for");
    return rate;
  }

  const ServeBenchOptions& options_;
  std::vector<ServeRow> rows_;
};

}  // namespace

double highest_rate(double least, const std::function<bool(double)>& holds) {
  constexpr double enough = 1.05;
  constexpr double most = 1e7;
  double good = 0;
  double bad = least;
  while (bad < most && holds(bad)) {
    good = bad;
    bad *= 2;
  }
  while (good > 0 && bad / good > enough) {
    const double middle = (good + bad) / 2;
    (holds(middle) ? good : bad) = middle;
  }
  return good;
}

void check_cases(const std::vector<std::string>& cases) {
  constexpr std::array<std::string_view, 4> known = {"costs", "fixed", "replicas", "load"};
  for (const std::string& name : cases) {
    if (std::ranges::find(known, name) != known.end()) continue;
    throw usage_error("there is no case '" + name + "'", "--bench.cases",
                      "use costs, fixed, replicas or load");
  }
}

std::vector<ServeRow> bench_serve(const ServeBenchOptions& options) {
  check_cases(options.cases);
  return ServeBench(options).run();
}

std::vector<ServeRow> bench_server(const LoadTarget& target, const ServeBenchOptions& options) {
  const std::string where = target.host + ":" + std::to_string(target.port);
  std::vector<ServeRow> rows;
  if (options.load.clients == 0) {
    rows = ServeBench(options).measure_pace({where, target, options.load});
  } else {
    const std::string what = where + format(", %d clients", options.load.clients);
    rows = measure({{what, target, options.load}}, options.repetitions);
  }
  require_answers(rows);
  return rows;
}

}  // namespace podium::bench
