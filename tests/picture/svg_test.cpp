// Pictures element by element: what is written is escaped, coloured and named.
#include "picture/svg.hpp"

#include <gtest/gtest.h>

#include "picture/elements.hpp"
#include "picture/palette.hpp"

namespace podium::picture {
namespace {

const About about{"name", "A <title>", "What & how"};

TEST(SvgTest, WhatIsSaidStaysText) {
  Svg svg;
  svg.text(1, 2, Anchor::start, "<b>\"&\x01");
  svg.rectangle(0, 0, 1, 1, "fill-train", "a < b");
  for (const std::string& picture : {svg.scaled(about, 10, 10), svg.stretched(about, 10),
                                     svg.document(about, 10, 10), svg.framed(about, 20, 10, 4)}) {
    ASSERT_EQ(elements(picture, "text").size(), 1U);
    EXPECT_EQ(elements(picture, "text")[0].data(), "<b>\"& ");
    const std::vector<Element> titles = elements(picture, "title");
    ASSERT_EQ(titles.size(), 2U);
    EXPECT_EQ(titles[0].data(), "A <title>");
    EXPECT_EQ(titles[1].data(), "a < b");
    EXPECT_EQ(elements(picture, "desc")[0].data(), "What & how");
    EXPECT_NE(picture.find("role=\"img\" aria-labelledby=\"name-title name-text\""),
              std::string::npos);
  }
}

TEST(SvgTest, ADocumentBringsItsColoursAndFetchesNothing) {
  const std::string picture = Svg().document(about, 10, 10);
  for (const char* colour : colour_names) {
    EXPECT_NE(picture.find(std::string("--") + colour + ":"), std::string::npos) << colour;
    EXPECT_NE(picture.find(std::string(".fill-") + colour + "{"), std::string::npos) << colour;
    EXPECT_NE(std::string(dark_colours()).find(std::string("--") + colour + ":"),
              std::string::npos);
  }
  EXPECT_EQ(picture.find("http"), picture.rfind("http"));  // the name space
}

TEST(SvgTest, MarkupStandsAsItIs) {
  Svg svg;
  svg.text(0, 0, Anchor::end, {"9 kB", "<tspan data-key=\"/runs/0\">9 kB</tspan>"});
  const std::vector<Element> parts = elements(svg.scaled(about, 9, 9), "tspan");
  ASSERT_EQ(parts.size(), 1U);
  EXPECT_EQ(attribute(parts[0], "data-key"), "/runs/0");
}

TEST(SvgTest, ALegendBreaksItsRowsWhereTheWidthEnds) {
  const std::vector<Meaning> meanings = {{"fill-train", "twenty letters of it"},
                                         {"fill-ckpt", "twenty letters of it"},
                                         {"fill-wait", "twenty letters of it"}};
  Svg wide;
  EXPECT_DOUBLE_EQ(draw_legend(wide, meanings, 0, 1000), line_height);
  Svg narrow;
  EXPECT_DOUBLE_EQ(draw_legend(narrow, meanings, 0, 340), 2 * line_height);
  EXPECT_TRUE(overlaps(narrow.scaled(about, 340, 50), 340).empty());
}

TEST(SvgTest, WidthCountsLettersNotBytes) {
  EXPECT_DOUBLE_EQ(text_width("µs"), 2 * letter_width);
}

}  // namespace
}  // namespace podium::picture
