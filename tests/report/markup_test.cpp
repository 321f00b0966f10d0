// Texts stay texts, numbers say where they come from.
#include "report/markup.hpp"

#include <gtest/gtest.h>

#include "report/quantity.hpp"

namespace podium::report {
namespace {

TEST(Markup, NamesOfUsersAreNoElements) {
  const std::string name = "<script>alert(\"1\")</script>&'";
  EXPECT_EQ(tag("td", name).html(),
            "<td>&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;</td>");
  EXPECT_EQ(leaf("a", {{"title", name}}).html(),
            "<a title=\"&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;\"/>");
  EXPECT_EQ((Markup("a<b") + name).html().find('<'), std::string::npos);
}

TEST(Markup, ElementsNest) {
  EXPECT_EQ(tag("p", Markup("a ") + tag("b", "c")).html(), "<p>a <b>c</b></p>");
}

TEST(Markup, BytesThatAreNoTextAreReplaced) {
  const std::string replaced = "\xEF\xBF\xBD";
  EXPECT_EQ(escaped("Pf\xC3\xBCtze \xE2\x82\xAC \xF0\x9F\x98\x80"),
            "Pf\xC3\xBCtze \xE2\x82\xAC \xF0\x9F\x98\x80");
  EXPECT_EQ(escaped("a\xFF z"), "a" + replaced + " z");
  EXPECT_EQ(escaped("\xC3"), replaced);                                // cut off
  EXPECT_EQ(escaped("\xC0\xAF"), replaced + replaced);                 // overlong
  EXPECT_EQ(escaped("\xED\xA0\x80"), replaced + replaced + replaced);  // a surrogate
  EXPECT_EQ(escaped(std::string("\0\x1B[1m", 5)), replaced + replaced + "[1m");
}

TEST(Markup, VerbatimTextCannotEndItsElement) {
  EXPECT_EQ(verbatim("style", {}, "p > b {}").html(), "<style>p > b {}</style>");
  EXPECT_THROW(verbatim("script", {}, "</script>"), std::runtime_error);
}

TEST(Place, KnowsItsPointer) {
  const Json data = {{"a/b", {{"c~d", {1, 2.5}}}}, {"none", nullptr}};
  const Place place = Place(&data, "/runs/0")["a/b"]["c~d"][1];
  EXPECT_EQ(place.pointer(), "/runs/0/a~1b/c~0d/1");
  EXPECT_EQ(place.number(), 2.5);
  EXPECT_FALSE(Place(&data, "")["none"]);
  EXPECT_FALSE(Place(&data, "")["a/b"]["x"]["y"][7]);
}

TEST(Quantity, SaysWhereItComesFrom) {
  const Json data = {{"accuracy", 0.92333}};
  EXPECT_EQ(quantity(Place(&data, "/runs/0")["accuracy"], As::percent).html(),
            "<data value=\"0.92333\" data-key=\"/runs/0/accuracy\" data-as=\"percent\">92.33 "
            "%</data>");
  EXPECT_EQ(quantity(Place(&data, "")["other"], As::percent).html(), "–");
}

TEST(Quantity, IsWrittenShort) {
  EXPECT_EQ(written(0.5, As::percent), "50.00 %");
  EXPECT_EQ(written(-0.004, As::points), "-0.40 points");
  EXPECT_EQ(written(0, As::seconds), "0 µs");
  EXPECT_EQ(written(0.0000123, As::seconds), "12.3 µs");
  EXPECT_EQ(written(0.034, As::seconds), "34.0 ms");
  EXPECT_EQ(written(0.99999, As::seconds), "1.00 s");
  EXPECT_EQ(written(119.9, As::seconds), "120 s");
  EXPECT_EQ(written(120, As::seconds), "2.00 min");
  EXPECT_EQ(written(9000, As::seconds), "2.50 h");
  EXPECT_EQ(written(1234567, As::count), "1,234,567");
  EXPECT_EQ(written(999, As::count), "999");
  EXPECT_EQ(written(162947, As::rate), "163 k");
  EXPECT_EQ(written(475200, As::bytes), "475 kB");
  EXPECT_EQ(written(1.26, As::ms), "1.26 ms");
}

}  // namespace
}  // namespace podium::report
