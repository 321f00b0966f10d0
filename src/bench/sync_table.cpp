#include "bench/sync_table.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/text.hpp"

namespace podium::bench {
namespace {

using Json = nlohmann::ordered_json;

// By AllReduce, where that was measured too.
std::optional<double> base_of(const std::vector<SyncRow>& rows, const SyncRow& row) {
  for (const SyncRow& other : rows) {
    if (other.model == row.model && other.sync == "allreduce") return other.images_per_s.median();
  }
  return {};
}

// Shares of the pulls by age; ages from `columns` - 1 on share the last one.
std::string histogram_of(const std::vector<SyncRow>& rows) {
  constexpr size_t columns = 8;
  std::string text = format(
      "\n%-12s %-10s pulls, %%, by the age of what they brought, in steps\n%23s", "", "", "");
  for (size_t age = 0; age + 1 < columns; ++age) text += format(" %6zu", age);
  text += format(" %5zu+\n", columns - 1);
  const size_t heading = text.size();
  for (const SyncRow& row : rows) {
    if (row.sum.staleness.empty()) continue;
    std::array<double, columns> counts{};
    double pulls = 0;
    for (size_t age = 0; age < row.sum.staleness.size(); ++age) {
      const auto count = static_cast<double>(row.sum.staleness[age]);
      counts[std::min(age, columns - 1)] += count;
      pulls += count;
    }
    text += format("%-12s %-10s", row.model.c_str(), row.sync.c_str());
    for (const double count : counts) text += format(" %6.2f", 100 * count / std::max(1.0, pulls));
    text += "\n";
  }
  return text.size() > heading ? text : "";
}

}  // namespace

void SyncRow::add(const SyncMeasurement& measured) {
  images_per_s.add(measured.images_per_s);
  accuracy.add(measured.accuracy);
  wait_share.add(measured.wait_share);
  SyncMeasurement all = measured;
  all.steps += sum.steps;
  all.bytes_sent += sum.bytes_sent;
  all.bytes_received += sum.bytes_received;
  all.bytes_saved += sum.bytes_saved;
  all.staleness.resize(std::max(all.staleness.size(), sum.staleness.size()));
  std::ranges::transform(sum.staleness, all.staleness, all.staleness.begin(), std::plus<>());
  sum = std::move(all);
}

double SyncRow::mean_staleness() const {
  double pulls = 0;
  double ages = 0;
  for (size_t age = 0; age < sum.staleness.size(); ++age) {
    pulls += static_cast<double>(sum.staleness[age]);
    ages += static_cast<double>(age) * static_cast<double>(sum.staleness[age]);
  }
  return pulls > 0 ? ages / pulls : 0;
}

size_t SyncRow::staleness_quantile(double share) const {
  double pulls = 0;
  for (const uint64_t count : sum.staleness) pulls += static_cast<double>(count);
  double below = 0;
  for (size_t age = 0; age < sum.staleness.size(); ++age) {
    below += static_cast<double>(sum.staleness[age]);
    if (below > 0 && below >= share * pulls) return age;
  }
  return 0;
}

double ring_bytes(double values, double trainers) {
  return 2 * (trainers - 1) / trainers * values * sizeof(float);
}

std::string to_text(const std::vector<SyncRow>& rows) {
  std::string text = format("%-12s %-10s %10s %7s %7s %9s %9s %9s %6s %5s %5s %9s %7s\n", "model",
                            "sync", "images/s", "spread", "ratio", "sent MB", "recv MB", "saved MB",
                            "stale", "p99", "most", "val. acc.", "waits");
  for (const SyncRow& row : rows) {
    const std::optional<double> base = base_of(rows, row);
    const double speed = row.images_per_s.median();
    text +=
        format("%-12s %-10s %10.0f %6.1f%% %7s %9.3f %9.3f %9.3f %6.2f %5zu %5zu %9.4f %6.1f%%\n",
               row.model.c_str(), row.sync.c_str(), speed, 100 * row.images_per_s.spread(),
               base ? format("%.2f", speed / *base).c_str() : "", row.sent_bytes() * 1e-6,
               row.received_bytes() * 1e-6, row.saved_bytes() * 1e-6, row.mean_staleness(),
               row.staleness_quantile(0.99), row.staleness_quantile(1), row.accuracy.median(),
               100 * row.wait_share.median());
  }
  return text + histogram_of(rows);
}

Json to_json(const std::vector<SyncRow>& rows) {
  Json list = Json::array();
  for (const SyncRow& row : rows) {
    const std::optional<double> base = base_of(rows, row);
    const double speed = row.images_per_s.median();
    list.push_back({{"what", row.model + " by " + row.sync},
                    {"unit", "images/s"},
                    {"ours", speed},
                    {"spread", row.images_per_s.spread()},
                    {"theirs", base ? Json(*base) : Json()},
                    {"ratio", base ? Json(speed / *base) : Json()},
                    {"model", row.model},
                    {"sync", row.sync},
                    {"val_accuracy", row.accuracy.median()},
                    {"val_accuracy_spread", row.accuracy.spread()},
                    {"wait_share", row.wait_share.median()},
                    {"sent_bytes_per_step", row.sent_bytes()},
                    {"received_bytes_per_step", row.received_bytes()},
                    {"saved_bytes_per_step", row.saved_bytes()},
                    {"staleness", row.sum.staleness},
                    {"staleness_mean", row.mean_staleness()},
                    {"staleness_max", row.staleness_quantile(1)}});
  }
  return list;
}

}  // namespace podium::bench
