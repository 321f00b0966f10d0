// Pods: every rank is in its box, whatever their number.
#include "picture/pods.hpp"

#include <gtest/gtest.h>

#include <numeric>

#include "picture/elements.hpp"

namespace podium::picture {
namespace {

std::vector<int> ranks(int first, int count) {
  std::vector<int> ranks(static_cast<size_t>(count));
  std::iota(ranks.begin(), ranks.end(), first);
  return ranks;
}

PodPicture job(int pods, int ranks_each) {
  PodPicture picture{.about = {"pods", "Pods", "Of a test"}, .pods = {}, .edges = {}};
  for (int i = 0; i < pods; ++i) {
    const int first = i * ranks_each;
    Pod pod{.name = "node" + std::to_string(i)};
    pod.ckpt = {first};
    pod.serve = {first};
    pod.train = ranks_each > 1 ? ranks(first + 1, ranks_each - 1) : ranks(first, 1);
    if (i == 0) pod.ingest = {0};
    pod.replicas = 2;
    pod.to_ckpt = "19.5 kB";
    pod.to_inference = "38.9 kB";
    picture.pods.push_back(std::move(pod));
  }
  picture.edges = {"475 kB", "broadcast 19.5 kB", "clients: 12 requests"};
  return picture;
}

TEST(PodsTest, ABlockForEachRankAndRole) {
  const std::string svg = draw(job(1, 4));
  EXPECT_EQ(of_kind(svg, "rect", "fill-train").size(), 1 + 3U);  // and in the legend
  EXPECT_EQ(of_kind(svg, "rect", "fill-ckpt").size(), 1 + 1U);
  EXPECT_EQ(of_kind(svg, "rect", "fill-inference").size(), 1 + 1U);
  EXPECT_EQ(of_kind(svg, "rect", "room").size(), 1U);
  EXPECT_EQ(of_kind(svg, "path", "back").size(), 1U);
  for (const char* word : {"475 kB", "19.5 kB", "38.9 kB", "clients: 12 requests", "ingest: 0"}) {
    EXPECT_NE(svg.find(word), std::string::npos) << word;
  }
  EXPECT_EQ(svg.find("broadcast"), std::string::npos);
}

TEST(PodsTest, PodsAreJoinedByTheBroadcast) {
  const std::string svg = draw(job(3, 4));
  EXPECT_EQ(of_kind(svg, "rect", "room").size(), 3U);
  EXPECT_NE(svg.find("broadcast 19.5 kB"), std::string::npos);
}

TEST(PodsTest, FromOneToSixtyFourRanksNoWordsMeet) {
  for (const int pods : {1, 2, 3, 8, 12}) {
    for (const int each : {1, 2, 4, 5, 8, 64}) {
      const std::string svg = draw(job(pods, each));
      EXPECT_EQ(overlaps(svg, 400), std::vector<std::string>{}) << pods << " pods of " << each;
    }
  }
}

TEST(PodsTest, ManyRanksShareTheLastBlock) {
  EXPECT_EQ(block_texts(ranks(3, 4)),
            (std::vector<std::string>{"rank 3", "rank 4", "rank 5", "rank 6"}));
  EXPECT_EQ(block_texts(ranks(1, 63)),
            (std::vector<std::string>{"rank 1", "rank 2", "rank 3", "+ 60 ranks"}));
  EXPECT_TRUE(block_texts({}).empty());
  EXPECT_NE(draw(job(12, 2)).find("and 4 more pods"), std::string::npos);
}

TEST(PodsTest, RanksAsText) {
  EXPECT_EQ(ranks_text({}), "");
  EXPECT_EQ(ranks_text({0}), "0");
  EXPECT_EQ(ranks_text({0, 2, 3, 4, 7, 8}), "0, 2-4, 7, 8");
}

}  // namespace
}  // namespace podium::picture
