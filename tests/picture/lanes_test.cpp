// Lanes: places are proportional to times, and words never stand on each other.
#include "picture/lanes.hpp"

#include <gtest/gtest.h>

#include "picture/elements.hpp"
#include "picture/span_lanes.hpp"

namespace podium::picture {
namespace {

LanesPicture example(int lanes) {
  LanesPicture picture{.about = {"lanes", "Lanes", "Of a test"}, .unit = "s"};
  for (int i = 0; i < lanes; ++i) {
    picture.lanes.push_back(
        {.name = "rank " + std::to_string(i), .stretches = {{1, 2, "fill-train", "", 0}}});
  }
  return picture;
}

TEST(LanesTest, ADoubledStretchIsTwiceAsWide) {
  LanesPicture picture = example(1);
  picture.lanes[0].stretches = {{1, 2, "fill-train", "", 0}, {4, 6, "fill-train", "", 0}};
  picture.begin = 0;
  picture.end = 10;
  const std::vector<Element> stretches = of_kind(draw(picture), "rect", "fill-train");
  ASSERT_EQ(stretches.size(), 2U);
  EXPECT_EQ(attribute(stretches[0], "x"), "10.000%");
  EXPECT_EQ(attribute(stretches[0], "width"), "10.000%");
  EXPECT_EQ(attribute(stretches[1], "x"), "40.000%");
  EXPECT_EQ(attribute(stretches[1], "width"), "20.000%");
}

TEST(LanesTest, WhatIsOutsideOfTheWindowIsCutOff) {
  LanesPicture picture = example(1);
  picture.lanes[0].stretches = {{0, 4, "fill-train", "", 0}, {8, 9, "fill-ckpt", "", 0}};
  picture.begin = 2;
  picture.end = 6;
  const std::string svg = draw(picture);
  ASSERT_EQ(of_kind(svg, "rect", "fill-train").size(), 1U);
  EXPECT_EQ(attribute(of_kind(svg, "rect", "fill-train")[0], "width"), "50.000%");
  EXPECT_TRUE(of_kind(svg, "rect", "fill-ckpt").empty());
}

TEST(LanesTest, FromOneToSixtyFourLanesNoWordsMeet) {
  for (int lanes = 1; lanes <= 64; ++lanes) {
    LanesPicture picture = example(lanes);
    fold(picture.lanes, 16);
    span_all(picture, true);
    const std::string svg = draw(picture);
    for (const double width : {narrowest_page, 1000.0}) {
      EXPECT_EQ(overlaps(svg, width), std::vector<std::string>{}) << lanes;
    }
    EXPECT_LE(picture.lanes.size(), 16U);
    EXPECT_EQ(svg.find("nan"), std::string::npos);
  }
}

TEST(LanesTest, FoldedLanesAreCounted) {
  LanesPicture picture = example(64);
  fold(picture.lanes, 16);
  EXPECT_EQ(picture.lanes.back().name.text, "and 49 more like these");
  LanesPicture few = example(16);
  fold(few.lanes, 16);
  EXPECT_EQ(few.lanes.back().name.text, "rank 15");
}

TEST(LanesTest, WordsOfMarksThatAreCloseStandInDifferentLines) {
  const std::vector<Mark> marks = {{1, "first service"}, {1.1, "death"}, {9.9, "swap"}};
  EXPECT_EQ(lines_of(marks, 0, 10, 4, 340), (std::vector<int>{0, 1, 0}));
  // There are only so many lines; what is outside has none.
  EXPECT_EQ(lines_of({{1, "aa"}, {1, "bb"}, {1, "cc"}, {11, "d"}}, 0, 10, 2, 340),
            (std::vector<int>{0, 1, -1, -1}));
  LanesPicture picture = example(3);
  for (int i = 0; i < 40; ++i) picture.marks.push_back({i * 0.1, "replica died"});
  span_all(picture, true);
  EXPECT_EQ(overlaps(draw(picture), narrowest_page), std::vector<std::string>{});
  EXPECT_EQ(of_kind(draw(picture), "line", "moment").size(), 40U);
}

TEST(LanesTest, ShortStretchesBecomeOneThatSaysSo) {
  std::vector<Stretch> stretches;
  for (int i = 0; i < 1000; ++i) {
    stretches.push_back({i * 0.001, i * 0.001 + 0.0005, "fill-train", "t", 0});
  }
  stretches.push_back({0.5, 0.5005, "fill-wait", "w", 0});
  stretches.push_back({5, 6, "fill-train", "long", 0});
  join_close(stretches, 0.01);
  ASSERT_EQ(stretches.size(), 3U);
  EXPECT_DOUBLE_EQ(stretches[0].begin, 0);
  EXPECT_DOUBLE_EQ(stretches[0].end, 0.9995);
  EXPECT_NE(stretches[0].tip.find("1000 short ones"), std::string::npos);
  EXPECT_DOUBLE_EQ(stretches[2].end, 6);
}

TEST(LanesTest, TicksAreRoundAndFew) {
  EXPECT_EQ(ticks(0, 10, 4), (std::vector<double>{0, 5, 10}));
  EXPECT_EQ(ticks(0, 1, 4), (std::vector<double>{0, 0.5, 1}));
  for (const double end : {1e-6, 0.3, 7.0, 99.0, 86400.0}) EXPECT_LE(ticks(0, end, 4).size(), 5U);
  EXPECT_EQ(ticks(3, 3, 4), std::vector<double>{3});
}

TEST(SpanLanesTest, ADeviceHasARowForEachOfItsBuffers) {
  const LanesPicture picture = span_lanes({"update", "", ""},
                                          {{"device 0",
                                            {{"H2D", 0, 1},
                                             {"broadcast (src)", 1, 2},
                                             {"broadcast (dst)", 2, 3},
                                             {"reload weights", 3, 5}}}},
                                          "ms", 16);
  ASSERT_EQ(picture.lanes.size(), 1U);
  EXPECT_EQ(picture.lanes[0].rows, 3);
  std::vector<int> rows;
  for (const Stretch& stretch : picture.lanes[0].stretches) rows.push_back(stretch.row);
  EXPECT_EQ(rows, (std::vector<int>{0, 1, 1, 2}));
  EXPECT_EQ(picture.legend.size(), 4U);
  const std::string svg = draw(picture);
  const std::vector<Element> reload = of_kind(svg, "rect", "fill-inference");
  ASSERT_EQ(reload.size(), 2U);  // the legend's first
  EXPECT_EQ(attribute(reload[1], "width"), "40.000%");
}

TEST(SpanLanesTest, LegendsTellOnlyWhatIsThere) {
  const LanesPicture picture = span_lanes(
      {"learn", "", ""}, {{"explorer 0", {{"rollout", 0, 1}, {"wait", 1, 2}}}}, "ms", 16);
  ASSERT_EQ(picture.legend.size(), 2U);
  EXPECT_EQ(picture.legend[0].text, "rollout");
  EXPECT_EQ(picture.lanes[0].rows, 1);
  EXPECT_STREQ(kind_of_span("sync weight (direct)"), "fill-direct");
  EXPECT_STREQ(kind_of_span("what is this"), "fill-wait");
}

TEST(SpanLanesTest, NothingIsAPictureToo) {
  EXPECT_EQ(draw(span_lanes({"none", "", ""}, {}, "ms", 16)).find("nan"), std::string::npos);
}

}  // namespace
}  // namespace podium::picture
