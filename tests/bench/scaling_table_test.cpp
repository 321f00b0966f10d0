// Tables and plots of scaling studies: what follows from the measurements, and back from a file.
// Nothing is timed.
#include "bench/scaling_table.hpp"

#include <gtest/gtest.h>

#include <boost/property_tree/xml_parser.hpp>
#include <nlohmann/json.hpp>
#include <sstream>

#include "bench/scaling_plot.hpp"
#include "core/error.hpp"

namespace podium::bench {
namespace {

ScalingRow row(const char* model, const char* mode, int ranks, double images_per_s,
               double exposed = 0) {
  ScalingRow row;
  row.model = model;
  row.mode = mode;
  row.ranks = ranks;
  row.batch = 100;
  add_measurement(row, images_per_s, {1 - exposed, 0, exposed, 0});
  return row;
}

TEST(ScalingTableTest, MeasurementsBecomeMeanAndSpread) {
  ScalingRow measured = row("cnn", "strong", 1, 90, 0.1);
  add_measurement(measured, 110, {0.7, 0, 0.3, 0});
  EXPECT_EQ(measured.repetitions, 2);
  EXPECT_DOUBLE_EQ(measured.images_per_s, 100);
  EXPECT_DOUBLE_EQ(measured.spread(), 0.2);
  EXPECT_DOUBLE_EQ(measured.shares.exposed_comm, 0.2);
  EXPECT_DOUBLE_EQ(measured.shares.compute, 0.8);
  EXPECT_DOUBLE_EQ(measured.step_s(), 1);
}

TEST(ScalingTableTest, SpeedUpAndEfficiencyAreAgainstTheFewestRanksOfASeries) {
  const auto rows = derive({row("cnn", "weak", 2, 150), row("dense", "weak", 2, 300),
                            row("dense", "weak", 8, 600), row("cnn", "weak", 1, 100),
                            row("cnn", "strong", 1, 50)});
  ASSERT_EQ(rows.size(), 5u);
  EXPECT_EQ(rows[0].ranks, 1);  // sorted within the series
  EXPECT_EQ(rows[0].model, "cnn");
  EXPECT_DOUBLE_EQ(rows[0].efficiency(), 1);
  EXPECT_DOUBLE_EQ(rows[1].speedup, 1.5);
  EXPECT_DOUBLE_EQ(rows[1].efficiency(), 0.75);
  EXPECT_EQ(rows[3].model, "dense");  // its series begins with two ranks
  EXPECT_DOUBLE_EQ(rows[3].speedup, 2);
  EXPECT_DOUBLE_EQ(rows[3].efficiency(), 0.5);
  EXPECT_EQ(rows[4].mode, "strong");
}

TEST(ScalingTableTest, RowsOfSeveralJobsArePutTogether) {
  const auto rows = derive({row("cnn", "weak", 1, 90), row("cnn", "weak", 2, 200),
                            row("cnn", "weak", 1, 110), row("cnn", "weak", 1, 130)});
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].repetitions, 3);
  EXPECT_DOUBLE_EQ(rows[0].images_per_s, 110);
  EXPECT_DOUBLE_EQ(rows[0].images_per_s_least, 90);
  EXPECT_DOUBLE_EQ(rows[0].images_per_s_most, 130);
}

TEST(ScalingTableTest, RowsOfUnequalJobsAreNotPutTogether) {
  ScalingRow other = row("cnn", "strong", 1, 90);
  other.batch *= 2;
  EXPECT_THROW(derive({row("cnn", "strong", 1, 90), other}), Error);
}

TEST(ScalingTableTest, ATableComesBackFromItsFile) {
  const auto rows = derive({row("cnn", "strong", 1, 100.125, 0.25), row("cnn", "strong", 3, 271)});
  const auto back = derive(parse_csv(to_csv(rows), "file"));
  EXPECT_EQ(to_json(back), to_json(rows));
  EXPECT_EQ(to_csv(back), to_csv(rows));
}

TEST(ScalingTableTest, ATableThatASpreadsheetHasSavedIsRead) {
  const auto rows = derive({row("cnn", "strong", 1, 100), row("cnn", "strong", 2, 180)});
  std::string text = "\xEF\xBB\xBF";
  for (const char c : to_csv(rows)) text += c == '\n' ? std::string("\r\n") : std::string(1, c);
  EXPECT_EQ(to_json(derive(parse_csv(text, "file"))), to_json(rows));
}

TEST(ScalingTableTest, DamagedFilesAreToldByLine) {
  const std::string good = to_csv(derive({row("cnn", "strong", 1, 100)}));
  const auto complaint = [](const std::string& text) {
    try {
      parse_csv(text, "some.csv");
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::bad_data);
      return std::string(error.what());
    }
    return std::string("none");
  };
  EXPECT_NE(complaint("model,ranks\n").find("some.csv, line 1"), std::string::npos);
  EXPECT_NE(complaint("").find("some.csv, line 1"), std::string::npos);
  for (const char* line : {"measured,cnn", "measured,cnn,strong,0,1,100,1,5,5,5,1,0,0,0",
                           "measured,cnn,strong,1,1,100,1,nan,5,5,1,0,0,0",
                           "measured,cnn,strong,1,1,100,1,5,5,5,1,0,-1,0",
                           "measured,<b>,strong,1,1,100,1,5,5,5,1,0,0,0",
                           "measured,cnn,strong,999999999,1,100,1,5,5,5,1,0,0,0",
                           "measured,cnn,strong,1,1,100,1,5e300,5,5e300,1,0,0,0",
                           "measured,cnn,strong,1,1,100,1,5,6,7,1,0,0,0",
                           "measured,cnn,strong,1,1,100,1,5,3,4,1,0,0,0",
                           "measured,cnn,strong,1,1,100,1,5,5,5,40,0,0,0"}) {
    EXPECT_NE(complaint(good + line + "\n").find("some.csv, line 3"), std::string::npos) << line;
  }
  EXPECT_EQ(complaint(good + good), "none");  // files put together keep their headings
}

TEST(ScalingPlotTest, IsXmlWithALinePerSeriesAndTheIdeal) {
  ScalingRow simulated = row("cnn", "weak", 64, 5000);
  simulated.kind = "simulated";
  ScalingRow base = row("cnn", "weak", 1, 100);
  base.kind = "simulated";
  const std::string svg = scaling_plot(
      derive({row("cnn", "strong", 1, 100), row("cnn", "strong", 2, 190), base, simulated,
              row("dense", "strong", 1, 100), row("dense", "strong", 3, 50)}));
  std::istringstream stream(svg);
  boost::property_tree::ptree tree;
  ASSERT_NO_THROW(boost::property_tree::read_xml(stream, tree));
  EXPECT_EQ(tree.get_child("svg").count("g"), 2u);  // a panel per mode
  const auto count = [&](const std::string& part) {
    size_t found = 0;
    for (size_t at = svg.find(part); at != std::string::npos; at = svg.find(part, at + 1)) ++found;
    return found;
  };
  EXPECT_EQ(count("<polyline"), 3u);
  EXPECT_EQ(count("class=\"ideal\""), 2u);
  EXPECT_EQ(count("<circle"), 6u);
  EXPECT_EQ(count("cnn (simulated)"), 1u);
  EXPECT_EQ(count(" broken\" points"), 1u);
  EXPECT_EQ(count("\"nan") + count("\"inf") + count(",inf"), 0u);
  EXPECT_EQ(count("http"), 1u);  // the name space: nothing is fetched
}

TEST(ScalingPlotTest, OnePointIsAPlotToo) {
  const std::string svg = scaling_plot(derive({row("cnn", "strong", 4, 100)}));
  std::istringstream stream(svg);
  boost::property_tree::ptree tree;
  ASSERT_NO_THROW(boost::property_tree::read_xml(stream, tree));
  EXPECT_EQ(svg.find("nan"), std::string::npos);
}

}  // namespace
}  // namespace podium::bench
