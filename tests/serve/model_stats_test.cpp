// Statistics of answers, without sockets.
#include "serve/protocol/model_stats.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace podium::serve {
namespace {

using Json = nlohmann::json;

ReplyFields reply_of(uint32_t version, uint32_t images, uint32_t batch_images) {
  ReplyFields reply;
  reply.cost = {images, batch_images, version, 10, 20, 600, 40};
  return reply;
}

TEST(ModelStats, ABatchIsOneExecutionOfItsRequests) {
  VersionStats stats;
  for (uint32_t images : {1, 2, 3}) stats.add(reply_of(5, images, 6), 5, 1000);
  stats.add(reply_of(5, 1, 1), 5, 1000);
  const Json body = Json::parse(model_stats_body("m", stats.of(0)));
  ASSERT_EQ(body["model_stats"].size(), 1u);
  const Json& model = body["model_stats"][0];
  EXPECT_EQ(model["name"], "m");
  EXPECT_EQ(model["version"], "5");
  EXPECT_EQ(model["inference_count"], 7);
  EXPECT_EQ(model["execution_count"], 2);
  EXPECT_GT(model["last_inference"], 1'500'000'000'000);
  const auto sum = [](int count, int ns) { return Json{{"count", count}, {"ns", ns}}; };
  EXPECT_EQ(model["inference_stats"], (Json{{"success", sum(4, 4000)},
                                            {"fail", sum(0, 0)},
                                            {"queue", sum(4, 40)},
                                            {"compute_input", sum(4, 80)},
                                            {"compute_infer", sum(4, 2400)},
                                            {"compute_output", sum(4, 160)},
                                            {"cache_hit", sum(0, 0)},
                                            {"cache_miss", sum(0, 0)}}));
  ASSERT_EQ(model["batch_stats"].size(), 2u);
  EXPECT_EQ(model["batch_stats"][1]["batch_size"], 6);
  EXPECT_EQ(model["batch_stats"][1]["compute_infer"], sum(1, 600)) << "once for the whole batch";
}

TEST(ModelStats, AnswersThatAreNot200AreFailures) {
  VersionStats stats;
  for (int status : {400, 500, 503, 504}) {
    ReplyFields reply;
    reply.status = status;
    stats.add(reply, 2, 10);
  }
  const std::vector<ModelStats> of = stats.of(2);
  ASSERT_EQ(of.size(), 1u);
  EXPECT_EQ(of[0].fail.count, 4);
  EXPECT_EQ(of[0].fail.ns, 40u);
  EXPECT_EQ(of[0].success.count, 0);
  EXPECT_EQ(of[0].inferences, 0u);
}

TEST(ModelStats, OldVersionsAreForgotten) {
  VersionStats stats;
  for (uint32_t version = 1; version <= 40; ++version) stats.add(reply_of(version, 1, 1), 0, 1);
  EXPECT_EQ(stats.of(0).size(), VersionStats::kept_versions);
  EXPECT_FALSE(stats.knows(1));
  EXPECT_TRUE(stats.knows(40));
  EXPECT_EQ(stats.of(99).at(0).version, 99) << "zeros for one that has not answered yet";
}

}  // namespace
}  // namespace podium::serve
