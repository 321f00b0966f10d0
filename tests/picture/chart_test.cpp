// Charts: places are proportional to what they show.
#include "picture/chart.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "picture/elements.hpp"

namespace podium::picture {
namespace {

Chart chart_of(Series series) {
  Chart chart;
  chart.about = {"chart", "A chart", "Of a test"};
  chart.series.push_back(std::move(series));
  return chart;
}

TEST(ChartTest, PlacesAreProportional) {
  Chart chart = chart_of({.name = "one", .points = {{1, 10}, {2, 20}, {4, 40}}});
  chart.x.least = 0;
  const std::vector<Element> dots = elements(draw(chart), "circle");
  ASSERT_EQ(dots.size(), 3U);
  const double step = number(dots[1], "cx") - number(dots[0], "cx");
  EXPECT_GT(step, 50);
  EXPECT_NEAR(number(dots[2], "cx") - number(dots[1], "cx"), 2 * step, 0.2);
  const double rise = number(dots[0], "cy") - number(dots[1], "cy");
  EXPECT_NEAR(number(dots[1], "cy") - number(dots[2], "cy"), 2 * rise, 0.2);
}

TEST(ChartTest, OnADoublingScaleDoublingIsAStep) {
  Chart chart = chart_of({.name = "one", .points = {{1, 1}, {2, 2}, {8, 8}}});
  chart.x.scale = chart.y.scale = Axis::Scale::doubling;
  const std::vector<Element> dots = elements(draw(chart), "circle");
  const double step = number(dots[1], "cx") - number(dots[0], "cx");
  EXPECT_NEAR(number(dots[2], "cx") - number(dots[1], "cx"), 2 * step, 0.2);
}

TEST(ChartTest, ADoubledBarIsTwiceAsHigh) {
  Chart chart;
  chart.bars = {{0, 1, 10, "ten"}, {1, 2, 20, ""}};
  const std::vector<Element> bars = of_kind(draw(chart), "rect", "fill-s0");
  ASSERT_EQ(bars.size(), 2U);
  EXPECT_NEAR(number(bars[1], "height"), 2 * number(bars[0], "height"), 0.02);
  EXPECT_NEAR(number(bars[0], "width"), number(bars[1], "width"), 0.02);
}

TEST(ChartTest, TheSpreadIsABarFromLowToHigh) {
  const std::string svg =
      draw(chart_of({.name = "one", .points = {{1, 10, 5, 20, ""}, {2, 12, 0, 0, ""}}}));
  size_t spreads = 0;
  for (const Element& path : elements(svg, "path")) {
    if (attribute(path, "class").starts_with("series")) ++spreads;
  }
  EXPECT_EQ(spreads, 1U);
}

TEST(ChartTest, LimitsMarksAndAxesNeverMeet) {
  Chart chart = chart_of({.name = "measured", .points = {{1, 1}, {100, 9}}});
  chart.limits = {{9.9, "memory"}, {10, "link"}, {10.1, "model"}};
  for (int i = 0; i < 9; ++i) chart.marks.push_back({i * 2.0, "died"});
  for (const Axis::Scale scale :
       {Axis::Scale::linear, Axis::Scale::doubling, Axis::Scale::tenfold}) {
    chart.x.scale = scale;
    EXPECT_EQ(overlaps(draw(chart), chart_width), std::vector<std::string>{});
  }
  chart.x.unit = "B";
  chart.x.scale = Axis::Scale::doubling;
  chart.series[0].points = {{1024, 1}, {67108864, 2}};
  EXPECT_EQ(overlaps(draw(chart), chart_width), std::vector<std::string>{});
}

TEST(ChartTest, OddNumbersAreNoTrouble) {
  for (const std::string& svg : {draw(Chart{}), draw(chart_of({.name = "one", .points = {{1, 1}}})),
                                 draw(chart_of({.name = "one", .points = {{0, 0}, {0, 0}}}))}) {
    EXPECT_NO_THROW(elements(svg, "svg"));
    EXPECT_EQ(svg.find("nan"), std::string::npos);
    EXPECT_EQ(svg.find("inf"), std::string::npos);
  }
}

TEST(ChartTest, NumbersOfAxesAreShort) {
  EXPECT_EQ(short_number(0), "0");
  EXPECT_EQ(short_number(0.25), "0.25");
  EXPECT_EQ(short_number(20000), "20k");
  EXPECT_EQ(short_number(4e6), "4M");
}

}  // namespace
}  // namespace podium::picture
