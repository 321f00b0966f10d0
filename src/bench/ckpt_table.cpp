// The table of `podium bench ckpt`, and its rows as JSON.
#include <nlohmann/json.hpp>

#include "bench/ckpt_bench.hpp"
#include "core/text.hpp"

namespace podium::bench {

std::string to_text(const CkptBench& bench) {
  const int ranks = bench.pods * bench.devices;
  std::string text = format(
      "%.2f GB over %d pods x %d devices, buckets of %.2f MB; all ranks together copy %.2f GB/s%s: "
      "limit %.3f s\n%-12s %9s %6s %14s %10s %7s %8s %11s %10s %9s %9s %9s\n",
      static_cast<double>(bench.size_bytes) / 1e9, bench.pods, bench.devices,
      static_cast<double>(bench.bucket_bytes) / 1e6, bench.copy_bytes_per_s / 1e9,
      bench.on_gpus ? " from pinned memory to GPUs" : "", bench.limit_s(), "schedule", "model GB",
      "ranks", "gather metas s", "update s", "spread", "GB/s", "% of limit", "x one", "taken GB",
      "sent GB", "swap us");
  for (const CkptRow& row : bench.rows) {
    text +=
        format("%-12s %9.2f %6d %14.4f %10.3f %6.0f%% %8.2f %10.0f%% %10.2f %9.2f %9.2f %9.1f\n",
               row.way.c_str(), static_cast<double>(bench.size_bytes) / 1e9, ranks, bench.gather_s,
               row.seconds, 100 * row.spread, static_cast<double>(row.bytes) / row.seconds / 1e9,
               100 * bench.limit_s() / row.seconds, bench.rows.front().seconds / row.seconds,
               static_cast<double>(row.taken_bytes) / 1e9,
               static_cast<double>(row.sent_bytes) / 1e9, row.swap_s * 1e6);
  }
  return text;
}

nlohmann::ordered_json to_json(const CkptBench& bench) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const CkptRow& row : bench.rows) {
    rows.push_back({{"what", format("update by schedule %s, %llu bytes, %d x %d", row.way.c_str(),
                                    static_cast<unsigned long long>(bench.size_bytes), bench.pods,
                                    bench.devices)},
                    {"unit", "s"},
                    {"schedule", row.way},
                    {"bytes", bench.size_bytes},
                    {"ranks", bench.pods * bench.devices},
                    {"ours", row.seconds},
                    {"spread", row.spread},
                    {"limit", bench.limit_s()},
                    {"share_of_limit", bench.limit_s() / row.seconds},
                    {"gather_metas_s", bench.gather_s},
                    {"gb_per_s", static_cast<double>(row.bytes) / row.seconds / 1e9},
                    {"speedup_over_one_stage", bench.rows.front().seconds / row.seconds},
                    {"taken_bytes", row.taken_bytes},
                    {"sent_bytes", row.sent_bytes},
                    {"swap_us", row.swap_s * 1e6}});
  }
  return rows;
}

}  // namespace podium::bench
