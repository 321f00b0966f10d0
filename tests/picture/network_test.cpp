// Networks: blocks in order, and skips that do not lie on each other.
#include "picture/network.hpp"

#include <gtest/gtest.h>

#include "picture/elements.hpp"

namespace podium::picture {
namespace {

NetworkPicture network(size_t blocks, std::vector<Skip> skips = {}) {
  NetworkPicture picture{.about = {"network", "A network", ""}, .blocks = {}, .skips = {}};
  for (size_t i = 0; i < blocks; ++i) {
    picture.blocks.push_back({"conv " + std::to_string(i), "8 x 12 x 12", "fill-ckpt"});
  }
  picture.skips = std::move(skips);
  return picture;
}

TEST(NetworkTest, BlocksStandOneBelowTheOther) {
  const std::string svg = draw(network(3, {{0, 2}}));
  const std::vector<Element> blocks = elements(svg, "rect");
  ASSERT_EQ(blocks.size(), 3U);
  EXPECT_LT(number(blocks[0], "y"), number(blocks[1], "y"));
  EXPECT_DOUBLE_EQ(number(blocks[2], "y") - number(blocks[1], "y"),
                   number(blocks[1], "y") - number(blocks[0], "y"));
  EXPECT_EQ(of_kind(svg, "path", "skip").size(), 1U);
  EXPECT_EQ(overlaps(svg, 400), std::vector<std::string>{});
}

TEST(NetworkTest, SkipsThatMeetRunInTracksOfTheirOwn) {
  EXPECT_EQ(tracks_of({{0, 2}, {3, 5}}), (std::vector<size_t>{0, 0}));
  EXPECT_EQ(tracks_of({{0, 9}, {1, 3}, {4, 6}}), (std::vector<size_t>{1, 0, 0}));
  EXPECT_EQ(tracks_of({{0, 2}, {2, 4}}), (std::vector<size_t>{0, 1}));
}

TEST(NetworkTest, TheMiddleOfALongOneIsCounted) {
  const std::string svg = draw(network(200, {{0, 199}, {90, 92}}));
  EXPECT_EQ(elements(svg, "rect").size(), most_layers + 1);
  EXPECT_NE(svg.find("152 more layers"), std::string::npos);
  EXPECT_NE(svg.find("conv 199"), std::string::npos);
  EXPECT_EQ(of_kind(svg, "path", "skip").size(), 1U);  // the other one lies in the middle
}

}  // namespace
}  // namespace podium::picture
