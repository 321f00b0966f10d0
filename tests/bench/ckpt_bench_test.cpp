// The table of `bench ckpt` and the picture of an update: figures are those of the times, and every
// span has its place and colour. Nothing is timed.
#include "bench/ckpt_bench.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "bench/ckpt_trace.hpp"

namespace podium::bench {
namespace {

CkptBench example() {
  CkptBench bench;
  bench.size_bytes = 2'000'000'000;
  bench.pods = 2;
  bench.devices = 2;
  bench.gather_s = 0.01;
  bench.copy_bytes_per_s = 8e9;
  bench.bucket_bytes = 1 << 20;
  bench.rows = {{"one", 1.0, 0.1, 2e-6, 4'000'000'000}, {"three", 0.625, 0.1, 3e-6, 4'000'000'000}};
  return bench;
}

TEST(CkptBenchTest, ARowHasWhatTheTimesSay) {
  const nlohmann::ordered_json row = to_json(example())[1];
  EXPECT_DOUBLE_EQ(row["limit"], 0.5);
  EXPECT_DOUBLE_EQ(row["share_of_limit"], 0.8);
  EXPECT_DOUBLE_EQ(row["gb_per_s"], 6.4);
  EXPECT_DOUBLE_EQ(row["speedup_over_one_stage"], 1.6);
  EXPECT_DOUBLE_EQ(row["swap_us"], 3);
  EXPECT_EQ(row["ranks"], 4);
}

TEST(CkptBenchTest, TheTableHasALinePerSchedule) {
  const std::string text = to_text(example());
  EXPECT_EQ(std::ranges::count(text, '\n'), 4);
  for (const char* word : {"gather metas s", "% of limit", "80%", "6.40", "1.60", "three"}) {
    EXPECT_NE(text.find(word), std::string::npos) << word << " in\n" << text;
  }
}

TEST(CkptTraceTest, EverySpanHasItsLaneAndColour) {
  using enum DeviceSpan::Kind;
  const std::vector<DeviceSpan> spans = {{0, h2d, 1000, 2000},
                                         {0, source, 2000, 4000},
                                         {1, destination, 2000, 4000},
                                         {1, reload, 4000, 6000}};
  const nlohmann::ordered_json document = trace_of(spans, 2).document();
  std::vector<nlohmann::ordered_json> events;
  for (const auto& event : document.at("traceEvents")) {
    if (event.at("ph") == "X") events.push_back(event);
  }
  ASSERT_EQ(events.size(), 4U);
  EXPECT_DOUBLE_EQ(events[0]["ts"], 0);
  EXPECT_DOUBLE_EQ(events[3]["ts"], 3);
  EXPECT_DOUBLE_EQ(events[3]["dur"], 2);
  EXPECT_EQ(events[3]["pid"], 1);
  const std::string picture = picture_of(spans, 2);
  for (const char* part : {"fill-broadcast", "fill-destination", "fill-inference", "device 1", "H2D buffer", "0 ms"}) {
    EXPECT_NE(picture.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(picture_of({}, 1).find("nan"), std::string::npos);
}

}  // namespace
}  // namespace podium::bench
