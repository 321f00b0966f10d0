// The language of spaces: what networks a text stands for, and what is refused where.
#include "search/space.hpp"

#include <gtest/gtest.h>

#include <set>

#include "core/error.hpp"
#include "nn/architecture.hpp"

namespace podium::search {
namespace {

using Kind = Decision::Kind;

std::string network(const std::string& space, const Choices& choices) {
  return Space::parse(space).architecture(choices);
}

TEST(Space, AlternativesAreNumbersOrLayers) {
  const std::string text =
      "conv {8|16} 3; {identity|bn; relu|res 16 1 { conv 16 1 }}; dense classes";
  EXPECT_EQ(network(text, {0, 0}), "conv 8 3; dense classes");
  EXPECT_EQ(network(text, {1, 1}), "conv 16 3; bn; relu; dense classes");
  EXPECT_EQ(network(text, {1, 2}), "conv 16 3; res 16 1 { conv 16 1 }; dense classes");
  EXPECT_EQ(Space::parse(text).options(), (std::vector<int>{2, 3}));
  EXPECT_EQ(Space::parse(text).networks(), 6);
}

TEST(Space, EachCopyOfARepeatChoosesForItself) {
  const Space space = Space::parse("repeat 2 { repeat 2 { conv {4|8} 3 }; pool 2 }; dense classes");
  EXPECT_EQ(space.options(), (std::vector<int>{2, 2, 2, 2}));
  EXPECT_EQ(space.architecture({0, 1, 1, 0}),
            "conv 4 3; conv 8 3; pool 2; conv 8 3; conv 4 3; pool 2; dense classes");
}

TEST(Space, ARepeatWithoutChoicesStaysOne) {
  EXPECT_EQ(network("repeat {1|2} { bn; relu }; dense classes", {1}),
            "bn; relu; bn; relu; dense classes");
  EXPECT_EQ(network("repeat 2 { relu }; dense {3|4}; dense classes", {0}),
            "relu; relu; dense 3; dense classes");
}

TEST(Space, ChoicesStandWithinBlocks) {
  EXPECT_EQ(network("res {8|16} 1 { repeat 2 { conv {8|16} 3 } }; dense classes", {1, 0, 1}),
            "res 16 1 { conv 8 3; conv 16 3 }; dense classes");
}

TEST(Space, AnchorsAddEarlierOnes) {
  const Space space = Space::parse("repeat 3 { conv 8 3; bn; anchor }; gap; dense classes");
  EXPECT_EQ(space.decisions(),
            (std::vector<Decision>{{Kind::anchor, 0}, {Kind::anchor, 1}, {Kind::anchor, 2}}));
  EXPECT_EQ(space.options(), (std::vector<int>{2, 2, 2}));
  EXPECT_EQ(space.architecture({0, 0, 0}),
            "conv 8 3; bn; relu; conv 8 3; bn; relu; conv 8 3; bn; relu; gap; dense classes");
  EXPECT_EQ(space.architecture({1, 1, 1}),
            "conv 8 3; bn; relu; keep 1; conv 8 3; bn; add 1; keep 2; conv 8 3; bn; add 1; add 2; "
            "gap; dense classes");
  // What nobody adds is not kept, and the marks close up.
  EXPECT_EQ(space.architecture({0, 0, 1}),
            "conv 8 3; bn; relu; conv 8 3; bn; relu; keep 1; conv 8 3; bn; add 1; gap; "
            "dense classes");
}

TEST(Space, NumbersItsNetworks) {
  const Space space =
      Space::parse("repeat 2 { conv {4|8|16} {1|3}; anchor }; {identity|relu}; dense classes");
  EXPECT_EQ(space.networks(), 3 * 2 * 3 * 2 * 2 * 2);
  std::set<std::string> texts;
  for (uint64_t index = 0; index < 144; ++index) {
    const Choices choices = space.choices_of(index);
    ASSERT_TRUE(space.contains(choices));
    EXPECT_EQ(space.index_of(choices), index);
    texts.insert(space.architecture(choices));
  }
  EXPECT_EQ(texts.size(), 144u);
  EXPECT_EQ(space.choices_of(1), (Choices{0, 0, 0, 0, 0, 1}));
}

TEST(Space, KnowsItsChoices) {
  const Space space = Space::parse("conv {8|16} {1|3|5}; dense classes");
  EXPECT_TRUE(space.contains({1, 2}));
  EXPECT_FALSE(space.contains({2, 0}));
  EXPECT_FALSE(space.contains({0, -1}));
  EXPECT_FALSE(space.contains({0}));
  EXPECT_FALSE(space.contains({0, 0, 0}));
  EXPECT_THROW((void)space.architecture({2, 0}), Error);
}

TEST(Space, LargeOnesAreCounted) {
  EXPECT_DOUBLE_EQ(Space::parse("repeat 64 { conv {8|16|24|32} 3 }; dense classes").networks(),
                   0x1p128);
}

struct Bad {
  const char* text;
  const char* message;
};

class RefusesSpace : public testing::TestWithParam<Bad> {};

TEST_P(RefusesSpace, WithItsPlace) {
  try {
    Space::parse(GetParam().text);
    FAIL() << "taken: " << GetParam().text;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::usage);
    EXPECT_NE(std::string(error.what()).find(GetParam().message), std::string::npos)
        << error.what();
  }
}

INSTANTIATE_TEST_SUITE_P(
    Table, RefusesSpace,
    testing::Values(
        Bad{"dense classes", "leaves nothing to choose (architecture text, offset 0)"},
        Bad{"bn; anchor; dense classes", "leaves nothing to choose"},
        Bad{"conv {8|16 3; dense classes", "'{' without its '}' (architecture text, offset 5)"},
        Bad{"conv {8|16} 3}; dense classes",
            "'}' outside of braces (architecture text, offset 13)"},
        Bad{"conv 8|16 3; dense classes", "'|' outside of braces (architecture text, offset 6)"},
        Bad{"conv {8|} 3; dense classes", "empty (architecture text, offset 8)"},
        Bad{"conv {8|16| 8 } 3; dense classes", "twice (architecture text, offset 12)"},
        Bad{"{bn|{relu|gap}}; dense classes",
            "within an alternative (architecture text, offset 9)"},
        Bad{"{bn|anchor}; dense classes", "'anchor' within an alternative"},
        Bad{"res 8 1 { conv {8|9} 3; anchor }; dense classes",
            "within the braces of a layer (architecture text, offset 24)"},
        Bad{"repeat 0 { conv {8|16} 3 }; dense classes",
            "the count of 'repeat' is '0' (architecture text, offset 7)"},
        Bad{"repeat 300 { conv {8|16} 3 }; dense classes",
            "too much is to be chosen (architecture text, offset 18)"},
        Bad{"repeat 33 { bn; anchor }; dense classes", "too many anchors"},
        // What the parser of architecture text says, with the place in this text.
        Bad{"conv {8|16} 3; {bn|cnv 8 3}; dense classes",
            "unknown layer 'cnv' (architecture text, offset 19)"},
        Bad{"repeat 3 { conv {8|16} 3; rel }; dense classes",
            "unknown layer 'rel' (architecture text, offset 26)"},
        Bad{"conv {8|16} {3|zero}; dense classes",
            "the kernel of 'conv' is 'zero' (architecture text, offset 15)"},
        Bad{"conv {8|16}; bn anchor; dense classes",
            "the kernel of 'conv' is ';' (architecture text, offset 11)"},
        Bad{"conv {8|16} 3; bn anchor; dense classes",
            "unexpected 'relu' (architecture text, offset 18)"},
        Bad{"conv {8|16} 3", "the last layer is 'conv'"}));

TEST(Space, NestsOnlySoDeep) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "repeat 1 { ";
  text += "conv {8|16} 3";
  for (int i = 0; i < 5000; ++i) text += " }";
  EXPECT_THROW(Space::parse(text + "; dense classes"), Error);
}

TEST(Space, IsCheckedAgainstImages) {
  const Space space = Space::parse("pool {2|4}; conv 8 {3|9}; dense classes");
  EXPECT_NO_THROW(space.check({1, 28, 28}, 10));
  try {
    space.check({1, 12, 12}, 10);
    FAIL() << "a kernel of 9 on 3x3";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("kernel 9"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("offset 12"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace podium::search
