// Each rule of what to try next: when it speaks, and when not.
#include "report/advice.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "report/run_folder.hpp"

namespace podium::report {
namespace {

std::vector<Advice> advice_of(const RunFolder& folder) {
  const RunData run = folder.read();
  return advise(run, [](const std::string&, double value, As as) { return written(value, as); });
}

// The text of a rule; empty where it does not speak.
std::string said(const RunFolder& folder, const std::string& rule) {
  const std::vector<Advice> all = advice_of(folder);
  const auto found = std::ranges::find(all, rule, &Advice::rule);
  return found == all.end() ? "" : found->text.html();
}

// A run that has ended with these models.
RunFolder ended_with(const std::vector<Json>& models, const Json& more = Json::object(),
                     std::vector<Json> before = {}) {
  RunFolder folder;
  Json result = {{"verb", "run"}, {"models", models}};
  result.update(more);
  before.push_back({{"event", "ended"}, {"result", result}, {"t_s", 9}});
  folder.write_events(before);
  return folder;
}

Json model(const std::string& name, double val_accuracy, const Json& more = Json::object()) {
  Json one = {{"name", name}, {"val_accuracy", val_accuracy}};
  one.update(more);
  return one;
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Advice, OfAGoodRunIsNone) {
  EXPECT_TRUE(
      advice_of(ended_with({model(
                    "cnn", 0.9, {{"wall_s", 10}, {"exposed_comm_s", 0.5}, {"data_wait_s", 0.1}})}))
          .empty());
}

TEST(Advice, WaitingForOtherRanks) {
  const auto waits = [](double s) {
    return ended_with({model("cnn", 0.9, {{"wall_s", 10}, {"exposed_comm_s", s}})});
  };
  EXPECT_TRUE(holds(said(waits(2.5), "waiting"), "25.00 %"));
  EXPECT_TRUE(holds(said(waits(2.5), "waiting"), "--comm.overlap"));
  EXPECT_EQ(said(waits(1.9), "waiting"), "");
}

TEST(Advice, WaitingForImages) {
  const auto waits = [](double s) {
    return ended_with({model("cnn", 0.9, {{"wall_s", 10}, {"data_wait_s", s}})});
  };
  EXPECT_TRUE(holds(said(waits(1.5), "loading"), "--io.prefetch_threads"));
  EXPECT_EQ(said(waits(0.9), "loading"), "");
}

TEST(Advice, UnevenTrainers) {
  const auto computes = [](double s) {
    return ended_with(
        {model("cnn", 0.9, {{"wall_by_rank", {{{"compute_s", 1.0}}, {{"compute_s", s}}}}})});
  };
  EXPECT_TRUE(holds(said(computes(1.5), "uneven"), "1.5 times"));
  EXPECT_EQ(said(computes(1.2), "uneven"), "");
}

TEST(Advice, CurvesOfAModel) {
  const auto after = [](std::vector<Json> epochs) {
    RunFolder folder;
    folder.write_events(epochs);
    return folder;
  };
  const RunFolder overfit = after(
      {epoch("cnn", 1, 0.80, 0.85), epoch("cnn", 2, 0.90, 0.90), epoch("cnn", 3, 0.99, 0.88)});
  EXPECT_TRUE(holds(said(overfit, "overfit"), "--model.cnn.epochs"));
  EXPECT_TRUE(holds(said(overfit, "overfit"), "90.00 %"));
  EXPECT_EQ(said(overfit, "gap"), "") << "one word about one model";
  const RunFolder gap = after({epoch("cnn", 1, 0.90, 0.88), epoch("cnn", 2, 0.99, 0.90)});
  EXPECT_TRUE(holds(said(gap, "gap"), "9.00 points"));
  const RunFolder rising = after({epoch("cnn", 1, 0.70, 0.80), epoch("cnn", 2, 0.81, 0.82)});
  EXPECT_TRUE(holds(said(rising, "rising"), "2.00 points"));
  const RunFolder flat = after({epoch("cnn", 1, 0.80, 0.82), epoch("cnn", 2, 0.82, 0.82)});
  for (const char* rule : {"overfit", "gap", "rising"}) EXPECT_EQ(said(flat, rule), "") << rule;
}

TEST(Advice, ALeadThatMayBeChance) {
  const auto lead = [](double best, int images) {
    return ended_with({model("cnn", best), model("dense", 0.90)}, Json::object(),
                      {{{"event", "tested"},
                        {"model", "cnn"},
                        {"test_accuracy", 0.9},
                        {"data", {{"validation", images}}},
                        {"t_s", 8}}});
  };
  // Two standard errors of the difference at 0.90 and 5,000 images are 0.012.
  EXPECT_TRUE(holds(said(lead(0.905, 5000), "narrow_lead"), "0.50 points"));
  EXPECT_EQ(said(lead(0.915, 5000), "narrow_lead"), "");
  EXPECT_TRUE(holds(said(lead(0.915, 300), "narrow_lead"), "300"));
}

TEST(Advice, ACacheThatIsTooSmall) {
  const auto reads = [](int hits, int misses, int evictions) {
    return ended_with(
        {}, {{"memory_cache", {{"hits", hits}, {"misses", misses}, {"evictions", evictions}}}});
  };
  EXPECT_TRUE(holds(said(reads(60, 40, 30), "cache"), "60.00 %"));
  EXPECT_EQ(said(reads(60, 40, 0), "cache"), "") << "first reads are no sign";
  EXPECT_EQ(said(reads(95, 5, 3), "cache"), "");
}

TEST(Advice, ClassesThatAreTakenForEachOther) {
  const auto matrix = [](int between) {
    RunFolder folder = ended_with({model("cnn", 0.9)}, {{"selected", "cnn"}});
    const Json evaluation = {{"classes", {"shirt", "coat", "bag"}},
                             {"confusion", {{90, between, 1}, {between, 80, 0}, {1, 2, 97}}}};
    folder.write("evaluation/cnn-test.json", evaluation.dump());
    return folder;
  };
  EXPECT_TRUE(holds(said(matrix(9), "confused"), "<q>shirt</q> and <q>coat</q>"));
  EXPECT_TRUE(holds(said(matrix(9), "confused"), "(18)"));
  EXPECT_EQ(said(matrix(4), "confused"), "") << "too few to tell";
}

TEST(Advice, RunsThatDidNotEnd) {
  EXPECT_TRUE(holds(said(ended_with({}, {{"stopped_early", true}}), "stopped"), "same command"));
  RunFolder folder;
  folder.write_events({epoch("cnn", 1, 0.5, 0.6)});
  EXPECT_NE(said(folder, "unfinished"), "");
}

}  // namespace
}  // namespace podium::report
