// What is remembered of answers until feedback comes, which class is named, and how both travel.
#include "serve/feedback/feedback_memory.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <set>

#include "core/error.hpp"
#include "serve/feedback/chooser.hpp"
#include "serve/replica/frame.hpp"

namespace podium::serve {
namespace {

using State = FeedbackMemory::State;

DecisionView decision(const std::string& id, const std::string& image = "0123456789") {
  return {3, 7, 0.25F, id, image};
}

TEST(FeedbackMemory, AnAnswerHasOneReward) {
  FeedbackMemory memory(10);
  memory.add(1, decision("a"));
  ASSERT_EQ(memory.state("a"), State::awaited);
  EXPECT_EQ(memory.decision("a").action, 7);
  EXPECT_EQ(memory.decision("a").version, 3);
  EXPECT_EQ(memory.decision("a").probability, 0.25F);
  EXPECT_EQ(memory.decision("a").image, "0123456789");
  memory.mark_rewarded("a");
  EXPECT_EQ(memory.state("a"), State::rewarded);
  EXPECT_EQ(memory.bytes(), 0u);
  EXPECT_EQ(memory.state("b"), State::unknown);
}

TEST(FeedbackMemory, AnIdOfTwoAnswersIsOfNone) {
  FeedbackMemory memory(3);
  memory.add(1, decision("a"));
  memory.add(2, decision("a"));
  EXPECT_EQ(memory.state("a"), State::ambiguous);
  memory.add(3, decision("a"));
  EXPECT_EQ(memory.state("a"), State::ambiguous);
  EXPECT_EQ(memory.bytes(), 0u);
  for (const char* id : {"b", "c", "d"}) memory.add(4, decision(id));
  memory.add(5, decision("a"));  // the others are forgotten
  EXPECT_EQ(memory.state("a"), State::awaited);
}

TEST(FeedbackMemory, AnIdMayComeAgainOnceItsFirstAnswerHasItsReward) {
  FeedbackMemory memory(3);
  for (uint64_t request = 1; request < 100; ++request) {
    memory.add(request, decision("a"));
    ASSERT_EQ(memory.state("a"), State::awaited);
    memory.mark_rewarded("a");
  }
  EXPECT_EQ(memory.size(), 1u);
}

TEST(FeedbackMemory, ARequestThatIsComputedAgainIsTheSame) {
  FeedbackMemory memory(10);
  memory.add(1, decision("a", "first"));
  memory.add(1, decision("a", "again"));
  ASSERT_EQ(memory.state("a"), State::awaited);
  EXPECT_EQ(memory.decision("a").image, "again");
  EXPECT_EQ(memory.bytes(), 5u);
}

TEST(FeedbackMemory, ForgetsTheOldestAndKnowsIt) {
  FeedbackMemory memory(2);
  for (const char* id : {"a", "b", "c"}) memory.add(1, decision(id));
  EXPECT_EQ(memory.state("a"), State::forgotten);
  EXPECT_EQ(memory.state("b"), State::awaited);
  for (const char* id : {"d", "e", "f"}) memory.add(1, decision(id));
  EXPECT_EQ(memory.state("a"), State::unknown);
  EXPECT_EQ(memory.state("d"), State::forgotten);
}

TEST(FeedbackMemory, StaysWithinItsBounds) {
  FeedbackMemory memory(1000, 5000);
  for (uint64_t request = 0; request < 20000; ++request) {
    memory.add(request, decision(std::to_string(request % 3000), std::string(100, 'x')));
    ASSERT_LE(memory.size(), 1000u);
    ASSERT_LE(memory.bytes(), 5000u);
  }
  memory.add(1, decision(std::string(most_feedback_id_bytes + 1, 'x')));
  EXPECT_EQ(memory.state(std::string(most_feedback_id_bytes + 1, 'x')), State::unknown);
  memory.add(2, decision("large", std::string(6000, 'x')));
  EXPECT_EQ(memory.state("large"), State::forgotten);
  EXPECT_EQ(memory.bytes(), 0u);
}

TEST(FeedbackMemory, NoneIsNone) {
  FeedbackMemory memory(0);
  memory.add(1, decision("a"));
  EXPECT_EQ(memory.state("a"), State::unknown);
}

TEST(Chooser, DrawsByTheProbabilities) {
  Chooser chooser(Deciding::explore, 11);
  const std::array<float, 4> probabilities{0.1F, 0, 0.6F, 0.3F};
  std::array<int, 4> drawn{};
  constexpr int draws = 20000;
  for (int i = 0; i < draws; ++i) {
    const Choice choice = chooser.choose(probabilities, "");
    ASSERT_EQ(choice.probability, probabilities.at(static_cast<size_t>(choice.action)));
    ++drawn.at(static_cast<size_t>(choice.action));
  }
  EXPECT_EQ(drawn[1], 0);
  for (size_t i = 0; i < drawn.size(); ++i) {
    const double expected = draws * double{probabilities.at(i)};
    EXPECT_NEAR(drawn.at(i), expected, 5 * std::sqrt(expected) + 1e-9) << "class " << i;
  }
}

TEST(Chooser, NamesTheLikeliestForSureUnlessItExplores) {
  Chooser chooser(Deciding::likeliest, 11);
  const std::array<float, 3> probabilities{0.2F, 0.5F, 0.3F};
  const Choice choice = chooser.choose(probabilities, "mine");
  EXPECT_EQ(choice.action, 1);
  EXPECT_EQ(choice.probability, 1);
  EXPECT_EQ(choice.id, "mine");
}

TEST(Chooser, MakesIdsWhereTheRequestHasNone) {
  Chooser chooser(Deciding::explore, 11);
  const std::array<float, 2> probabilities{0.5F, 0.5F};
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) ids.insert(chooser.choose(probabilities, "").id);
  EXPECT_EQ(ids.size(), 1000u);
  const std::string long_id(most_feedback_id_bytes + 1, 'x');
  EXPECT_EQ(chooser.choose(probabilities, long_id).id.size(), 16u);
}

TEST(Chooser, ReadsTheIdsOfBothCalls) {
  EXPECT_EQ(own_feedback_id("42", false), "42");
  EXPECT_EQ(own_feedback_id("", false), "");
  EXPECT_EQ(own_feedback_id(R"("boot \"1\"")", true), R"(boot "1")");
  EXPECT_EQ(own_feedback_id("42", true), "42");
  EXPECT_EQ(own_feedback_id("null", true), "");
}

TEST(DecisionFrame, BringsAllBack) {
  const std::string bytes = encode_decision(99, decision("an id", std::string("\0\xff", 2)));
  const Frame frame = decode_frame(std::as_bytes(std::span(bytes)));
  EXPECT_EQ(frame.kind, FrameKind::decision);
  EXPECT_EQ(frame.id, 99u);
  const DecisionView back = decode_decision(frame.payload);
  EXPECT_EQ(back.version, 3);
  EXPECT_EQ(back.action, 7);
  EXPECT_EQ(back.probability, 0.25F);
  EXPECT_EQ(back.id, "an id");
  EXPECT_EQ(back.image, std::string("\0\xff", 2));
}

TEST(DecisionFrame, RefusesWhatIsNone) {
  const std::string bytes = encode_decision(99, decision("an id", ""));
  const std::string_view payload = std::string_view(bytes).substr(frame_header_bytes);
  for (size_t size = 0; size < payload.size(); ++size) {
    EXPECT_THROW(decode_decision(payload.substr(0, size)), Error) << size;
  }
  DecisionView unlikely = decision("a");
  unlikely.probability = NAN;
  const std::string broken = encode_decision(99, unlikely);
  EXPECT_THROW(decode_decision(std::string_view(broken).substr(frame_header_bytes)), Error);
}

}  // namespace
}  // namespace podium::serve
