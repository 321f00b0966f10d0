// The figures of `podium bench ps`, for people and as JSON.
#include <nlohmann/json.hpp>

#include "bench/ps_bench.hpp"
#include "core/text.hpp"

namespace podium::bench {
namespace {

std::string size_text(size_t bytes) {
  if (bytes % (size_t{1} << 20) == 0) return std::to_string(bytes >> 20) + " MiB";
  if (bytes % (size_t{1} << 10) == 0) return std::to_string(bytes >> 10) + " KiB";
  return std::to_string(bytes) + " B";
}

std::string name_of(const PsWork& work) {
  return work.sparse ? "sparse " + work.operation : work.operation;
}

// Of fewer bytes than a page a copy says nothing.
std::string share_of_copy(const PsRow& row) {
  if (row.work.bytes < 4096) return "-";
  return format("%.1f%%", 100 * row.ours.bytes_per_s / row.memcpy_bytes_per_s);
}

}  // namespace

std::string to_text(const PsBench& bench) {
  std::string text =
      format("peer: %s\n%-14s %-12s %9s %6s | %8s %9s %9s %6s %7s | %6s | %8s %9s %6s\n",
             bench.peer.c_str(), "way", "what", "size", "flight", "GB/s", "p50 us", "p99 us",
             "spread", "ns/B", "memcpy", "GB/s", "p50 us", "ratio");
  for (const PsRow& row : bench.rows) {
    text += format("%-14s %-12s %9s %6d | %8.3f %9.1f %9.1f %5.0f%% %7.2f | %6s |", row.way.c_str(),
                   name_of(row.work).c_str(), size_text(row.work.bytes).c_str(), row.work.in_flight,
                   row.ours.bytes_per_s / 1e9, row.ours.p50_us, row.ours.p99_us, 100 * row.spread,
                   row.ours.cpu_ns_per_byte, share_of_copy(row).c_str());
    text += row.theirs ? format(" %8.3f %9.1f %6.2f\n", row.theirs->bytes_per_s / 1e9,
                                row.theirs->p50_us, row.ours.bytes_per_s / row.theirs->bytes_per_s)
                       : "\n";
  }
  return text;
}

nlohmann::ordered_json to_json(const PsBench& bench) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const PsRow& row : bench.rows) {
    rows.push_back(
        {{"what", format("%s of %s, %d in flight, %s", name_of(row.work).c_str(),
                         size_text(row.work.bytes).c_str(), row.work.in_flight, row.way.c_str())},
         {"way", row.way},
         {"operation", name_of(row.work)},
         {"bytes", row.work.bytes},
         {"in_flight", row.work.in_flight},
         {"unit", "GB/s"},
         {"ours", row.ours.bytes_per_s / 1e9},
         {"spread", row.spread},
         {"limit", row.memcpy_bytes_per_s / 1e9},
         {"p50_us", row.ours.p50_us},
         {"p99_us", row.ours.p99_us},
         {"cpu_ns_per_byte", row.ours.cpu_ns_per_byte}});
    if (row.work.bytes >= 4096) rows.back()["limit"] = row.memcpy_bytes_per_s / 1e9;
    if (!row.theirs) continue;
    rows.back()["theirs"] = row.theirs->bytes_per_s / 1e9;
    rows.back()["ratio"] = row.ours.bytes_per_s / row.theirs->bytes_per_s;
    rows.back()["theirs_p50_us"] = row.theirs->p50_us;
    rows.back()["theirs_p99_us"] = row.theirs->p99_us;
    rows.back()["theirs_cpu_ns_per_byte"] = row.theirs->cpu_ns_per_byte;
  }
  return rows;
}

}  // namespace podium::bench
