// The architecture language: what parses, to which canonical text, and what is refused how.
#include "nn/architecture.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "core/random.hpp"

namespace podium::nn {
namespace {

std::string canonical(const std::string& text) {
  return to_text(parse_architecture(text));
}

std::string repeated(const std::string& text, int times) {
  std::string result;
  for (int i = 0; i < times; ++i) result += text;
  return result;
}

struct Good {
  const char* text;
  const char* canonical;
};

class ParsesArchitecture : public testing::TestWithParam<Good> {};

TEST_P(ParsesArchitecture, ToCanonicalTextAndBack) {
  EXPECT_EQ(canonical(GetParam().text), GetParam().canonical);
  EXPECT_EQ(canonical(GetParam().canonical), GetParam().canonical);
}

INSTANTIATE_TEST_SUITE_P(
    Table, ParsesArchitecture,
    testing::Values(
        Good{"dense classes", "dense classes"}, Good{" ;; dense\tclasses ;\n", "dense classes"},
        Good{"dense 256;relu;dense classes", "dense 256; relu; dense classes"},
        Good{"conv 32 3 stride 1; dense classes", "conv 32 3; dense classes"},
        Good{"conv 32 3 stride 2; dense classes", "conv 32 3 stride 2; dense classes"},
        Good{"pool 2 stride 2; dense classes", "pool 2; dense classes"},
        Good{"pool 3 stride 2; avgpool 2; gap; dense classes",
             "pool 3 stride 2; avgpool 2; gap; dense classes"},
        Good{"dropout 0.250; dense classes", "dropout 0.25; dense classes"},
        Good{"dropout 0; dense classes", "dropout 0; dense classes"},
        Good{"res 8 2; dense classes",
             "res 8 2 { conv 8 3 stride 2; bn; relu; conv 8 3; bn }; dense classes"},
        Good{"res 8 1 {conv 8 1;bn}; dense classes", "res 8 1 { conv 8 1; bn }; dense classes"},
        Good{"repeat 2 { bn; repeat 2 { relu } }; dense classes",
             "bn; relu; relu; bn; relu; relu; dense classes"},
        Good{"repeat 2 { res 4 1 { conv 4 1 } }; dense classes",
             "res 4 1 { conv 4 1 }; res 4 1 { conv 4 1 }; dense classes"},
        Good{"dense classes; relu; dense classes", "dense classes; relu; dense classes"},
        Good{"keep 7; bn; keep 9; bn; keep 3; bn; add 9; add 7; add 9; dense classes",
             "keep 1; bn; keep 2; bn; bn; add 2; add 1; add 2; dense classes"},
        Good{"bn; keep 1; dense classes", "bn; dense classes"}));

struct Bad {
  const char* text;
  const char* message;
};

class RefusesArchitecture : public testing::TestWithParam<Bad> {};

TEST_P(RefusesArchitecture, WithOffsetAndRemedy) {
  try {
    (void)parse_architecture(GetParam().text);
    FAIL() << "parsed: " << GetParam().text;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::usage);
    EXPECT_STREQ(error.what(), GetParam().message);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Table, RefusesArchitecture,
    testing::Values(
        Bad{"conv 32 3; cnv 3 3; dense classes",
            "unknown layer 'cnv' (architecture text, offset 11); did you mean 'conv'?"},
        Bad{"bn; add 1; keep 1; dense classes",
            "nothing is kept as 1 (architecture text, offset 8); write 'keep 1' before it"},
        Bad{"keep 1; bn; keep 1; dense classes",
            "a value is kept as 1 already (architecture text, offset 17); give each 'keep' a "
            "number of its own"},
        Bad{"keep 1; res 8 1 { conv 8 3; add 1 }; dense classes",
            "'add' within braces (architecture text, offset 28); values are kept and added outside "
            "of 'res' and 'repeat'"},
        Bad{"keep x; dense classes",
            "the number of 'keep' is 'x' (architecture text, offset 5); give a whole number from 1 "
            "to 4096"},
        Bad{"Dense classes",
            "unknown layer 'Dense' (architecture text, offset 0); did you mean 'dense'?"},
        Bad{"",
            "the text has no layers (architecture text, offset 0); end it with 'dense "
            "classes'"},
        Bad{"conv 8 3",
            "the last layer is 'conv' (architecture text, offset 0); end the text with "
            "'dense classes'"},
        Bad{"dense 10",
            "the last layer is 'dense' (architecture text, offset 0); end the text "
            "with 'dense classes'"},
        Bad{"dense",
            "the width of 'dense' is the end of the text (architecture text, offset 5); "
            "give a whole number from 1 to 65536"},
        Bad{"conv 8; dense classes",
            "the kernel of 'conv' is ';' (architecture text, offset 6); "
            "give a whole number from 1 to 1024"},
        Bad{"conv 0 3; dense classes",
            "the channels of 'conv' is '0' (architecture text, offset "
            "5); give a whole number from 1 to 65536"},
        Bad{"conv 8x 3; dense classes",
            "the channels of 'conv' is '8x' (architecture text, offset "
            "5); give a whole number from 1 to 65536"},
        Bad{"conv classes 3; dense classes",
            "the channels of 'conv' is 'classes' (architecture text, offset 5); give a whole "
            "number from 1 to 65536"},
        Bad{"dense 99999999999999; dense classes",
            "the width of 'dense' is '99999999999999' (architecture text, offset 6); give a whole "
            "number from 1 to 65536"},
        Bad{"pool -2; dense classes",
            "the window of 'pool' is '-2' (architecture text, offset 5); "
            "give a whole number from 1 to 1024"},
        Bad{"dropout 1; dense classes",
            "the rate of 'dropout' is '1' (architecture text, offset "
            "8); give a number from 0 to below 1"},
        Bad{"dropout nan; dense classes",
            "the rate of 'dropout' is 'nan' (architecture text, "
            "offset 8); give a number from 0 to below 1"},
        Bad{"bn relu; dense classes",
            "unexpected 'relu' (architecture text, offset 3); separate layers with ';'"},
        Bad{"bn, relu; dense classes",
            "unexpected character ',' (architecture text, offset 2); "
            "layers are words and numbers separated by ';'"},
        Bad{"repeat 2 bn; dense classes",
            "expected '{' after 'repeat' but found 'bn' "
            "(architecture text, offset 9); write repeat ... { "
            "layers }"},
        Bad{"repeat 2 { }; dense classes",
            "'repeat' has no layers (architecture text, offset 0); "
            "put layers between its braces"},
        Bad{"res 8 1 { bn; dense classes",
            "missing '}' of 'res' (architecture text, offset 27); "
            "its '{' stands at offset 8"},
        Bad{"bn }; dense classes", "'}' without its '{' (architecture text, offset 3); remove it"},
        Bad{"{ bn }; dense classes",
            "expected a layer but found '{' (architecture text, offset "
            "0); start with a layer such as 'conv 32 3'"},
        Bad{"repeat 1024 { repeat 1024 { bn } }; dense classes",
            "too many layers (architecture text, offset 0); the limit is 4096 after unrolling "
            "'repeat'"},
        Bad{"repeat 1024 { res 8 1 }; dense classes",
            "too many layers (architecture text, offset 0); the limit is 4096 after unrolling "
            "'repeat'"}));

TEST(Architecture, NestingIsLimited) {
  const std::string deep = repeated("repeat 1 { ", 16) + "bn" + repeated(" }", 16);
  EXPECT_EQ(canonical(deep + "; dense classes"), "bn; dense classes");
  EXPECT_THROW((void)parse_architecture("repeat 1 { " + deep + " }; dense classes"), Error);
  EXPECT_THROW((void)parse_architecture(repeated("repeat 1 {", 6000)), Error);
}

TEST(Architecture, LengthIsLimited) {
  EXPECT_THROW((void)parse_architecture(std::string(1 << 20, ';')), Error);
  EXPECT_THROW((void)parse_architecture(std::string(60000, 'x')), Error);
}

// Offsets of text that was made of another are those in that.
TEST(Architecture, ErrorsPointToWhereTextComesFrom) {
  const std::vector<TextOrigin> origins = {{0, 100}, {8, 50, false}, {13, 7}};
  const auto message = [&](const std::string& text) {
    try {
      (void)parse_architecture(text, origins);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_NE(message("bn; cnv; relu; dense classes").find("offset 104"), std::string::npos);
  EXPECT_NE(message("bn; bn; rrelu; dense classes").find("offset 50"), std::string::npos);
  EXPECT_NE(message("bn; bn; relu; dnse classes").find("offset 8"), std::string::npos);
}

// Random texts of the language's own words either parse or are refused as a usage error.
TEST(Architecture, RandomTextNeverFailsOtherwise) {
  const char* words[] = {"dense",         "conv", "bn", "relu",   "pool", "gap",     "dropout",
                         "res",           "{",    "}",  ";",      ";",    "classes", "stride",
                         "repeat",        "3",    "1",  "999999", "0.5",  "\x01",    "-",
                         "dense classes", "keep", "add"};
  Random random(99);
  for (int i = 0; i < 20000; ++i) {
    std::string text;
    const uint64_t length = random.below(24);
    for (uint64_t w = 0; w < length; ++w) {
      text += words[random.below(std::size(words))];
      text += ' ';
    }
    try {
      const std::string printed = canonical(text);
      EXPECT_EQ(canonical(printed), printed) << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::usage) << text;
    }
  }
}

}  // namespace
}  // namespace podium::nn
