// Configuration: who overrides whom, what is refused, and that the printed form reads back.
#include "config.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "core/error.hpp"
#include "options.hpp"
#include "schema.hpp"
#include "settings.hpp"
#include "temporary_folder.hpp"

namespace podium {
namespace {

class ConfigTest : public testing::Test {
 protected:
  std::string file(const std::string& name, const std::string& text) {
    const std::filesystem::path path = folder_.path() / name;
    std::ofstream(path) << text;
    return path.string();
  }

  // The message of the usage_error that parsing `arguments` must give.
  static std::string refusal(const std::vector<std::string>& arguments) {
    try {
      parse_command_line(arguments);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::usage);
      return error.what();
    }
    ADD_FAILURE() << "accepted";
    return "";
  }

  test::TemporaryFolder folder_;
};

TEST_F(ConfigTest, FlagsOverrideEnvironmentOverridesLaterFilesOverrideEarlierOnes) {
  const std::string first = file("first.cfg", "[train]\nepochs = 1\nlr = 1\nbatch = 1\nseed = 1\n");
  const std::string second = file("second.cfg", "[train]\nlr = 2\nbatch = 2\nseed = 2\n");
  setenv("PODIUM_TRAIN__BATCH", "3", 1);
  setenv("PODIUM_TRAIN__SEED", "3", 1);
  const Config config = parse_command_line({"run", first, second, "--train.seed=4"}).config;
  unsetenv("PODIUM_TRAIN__BATCH");
  unsetenv("PODIUM_TRAIN__SEED");
  EXPECT_EQ(config.integer("train.epochs"), 1);
  EXPECT_EQ(config.real("train.lr"), 2);
  EXPECT_EQ(config.integer("train.batch"), 3);
  EXPECT_EQ(config.integer("train.seed"), 4);
  EXPECT_EQ(config.integer("io.validation"), 5000) << "the default";
}

TEST_F(ConfigTest, WhatIsPrintedReadsBackAsTheSame) {
  const Config config = parse_command_line({"run", "--model.x.arch=conv 8 3; relu; dense classes",
                                            "--train.lr=0.5", "--io.cache_memory=2.5 GiB"})
                            .config;
  const std::string printed = file("printed.cfg", config.print());
  EXPECT_EQ(parse_command_line({"run", printed}).config.print(), config.print());
}

TEST_F(ConfigTest, ErrorsNameFileAndLine) {
  const std::string path = file("wrong.cfg", "# comment\n[train]\nlr = 0.1\nepochz = 3\n");
  const std::string text = refusal({"run", path});
  EXPECT_NE(text.find(path + ":4"), std::string::npos) << text;
  EXPECT_NE(text.find("did you mean 'train.epochs'"), std::string::npos) << text;
  EXPECT_NE(refusal({"run", file("bad.cfg", "[train\nx\n")}).find("bad.cfg"), std::string::npos);
}

TEST_F(ConfigTest, WhatIsNoInputFileIsRefusedSoon) {
  EXPECT_NE(refusal({"run", "/dev/zero"}).find("not text"), std::string::npos);
  EXPECT_NE(refusal({"run", "/tmp"}).find("cannot read"), std::string::npos);
  const std::string long_file = file("long.cfg", std::string(2 << 20, '#'));
  EXPECT_NE(refusal({"run", long_file}).find("1 MiB"), std::string::npos);
}

TEST_F(ConfigTest, AVerbsOwnOptionsNeedNoSection) {
  const Config config =
      parse_command_line({"predict", "--input=a", "--output", "b.csv", "--run.dir=c"}).config;
  EXPECT_EQ(config.text("predict.input"), "a");
  EXPECT_EQ(config.text("predict.output"), "b.csv");
  EXPECT_TRUE(parse_command_line({"train", "--flip"}).config.boolean("train.flip"));
  EXPECT_EQ(parse_command_line({"train", "--roles=train=1", "--lr=2"}).config.real("train.lr"), 2);
  EXPECT_NE(refusal({"train", "--input=a"}).find("predict.input"), std::string::npos)
      << "it is another verb's";
  EXPECT_NE(refusal({"predict", "--imput=a"}).find("did you mean 'predict.input'"),
            std::string::npos);
}

TEST_F(ConfigTest, AnUnknownVariableOfOursIsRefused) {
  setenv("PODIUM_TRAIN__EPOCS", "3", 1);
  const std::string text = refusal({"run"});
  unsetenv("PODIUM_TRAIN__EPOCS");
  EXPECT_NE(text.find("environment PODIUM_TRAIN__EPOCS"), std::string::npos) << text;
}

TEST_F(ConfigTest, ValuesAreCheckedWhenSet) {
  for (const char* flag :
       {"--train.epochs=0", "--train.epochs=2.5", "--train.lr=nan", "--train.momentum=1",
        "--serve.policy=fair", "--model.cnn.flip=maybe", "--io.cache_memory=many", "--train.lr",
        "--io.validation=99999999999999999999", "--device=tpu", "--run.dir=\xff"}) {
    EXPECT_FALSE(refusal({"run", flag}).empty()) << flag;
  }
}

TEST_F(ConfigTest, AModelsOwnKeysComeBeforeTheCommonOnes) {
  const Config config = parse_command_line({"run", "--train.lr=0.5", "--model.cnn.lr=0.25"}).config;
  EXPECT_EQ(make_recipe(config, "cnn").lr, 0.25);
  EXPECT_EQ(make_recipe(config, "dense").lr, 0.5);
  EXPECT_EQ(make_recipe(config, "relu; dense classes").architecture, "relu; dense classes");
}

// That their networks fit their images is checked when they are trained.
TEST_F(ConfigTest, EveryInputFileOfTheProjectHasRecipesForItsModels) {
  for (const auto& entry : std::filesystem::directory_iterator(PODIUM_INPUTS)) {
    SCOPED_TRACE(entry.path());
    // Searches train the networks of their space, and `learn` a policy.
    if (!entry.path().filename().string().starts_with("fashion_mnist")) continue;
    const Config config = parse_command_line({"run", entry.path().string()}).config;
    const workflow::Settings settings = make_settings(config, "run", folder_.path());
    const std::vector<std::string> named = config.model_names();
    EXPECT_EQ(settings.recipes.size(), named.size());
    for (const train::Recipe& recipe : settings.recipes) {
      EXPECT_EQ(std::ranges::count(named, recipe.name), 1) << recipe.name;
    }
  }
}

TEST_F(ConfigTest, RecipesTakeEveryOptionOfTheirModel) {
  const Config config =
      parse_command_line({"run", "--train.flip", "--model.cnn.flip=alternate",
                          "--model.cnn.tta=flip", "--model.cnn.ema=0.9", "--model.cnn.ema_every=7",
                          "--model.cnn.lookahead", "--model.cnn.norm_lr=64",
                          "--model.cnn.final_lr=0.07", "--model.cnn.init=dirac",
                          "--model.cnn.rounding=exact", "--model.cnn.precision=bf16",
                          "--model.cnn.fused_norm", "--model.cnn.cutout_from=0.5"})
          .config;
  const train::Recipe recipe = make_recipe(config, "cnn");
  EXPECT_EQ(recipe.flip, train::Flip::alternate);
  EXPECT_TRUE(recipe.mirror);
  EXPECT_EQ(recipe.ema, 0.9);
  EXPECT_EQ(recipe.ema_every, 7);
  EXPECT_TRUE(recipe.lookahead);
  EXPECT_EQ(recipe.norm_lr, 64);
  EXPECT_EQ(recipe.final_lr, 0.07);
  EXPECT_EQ(recipe.init, nn::Initialisation::dirac);
  EXPECT_EQ(recipe.numerics.rounding, nn::Rounding::exact);
  EXPECT_EQ(recipe.numerics.precision, nn::Precision::bf16);
  EXPECT_TRUE(recipe.numerics.fused_norm);
  EXPECT_EQ(recipe.cutout_from, 0.5);
  const train::Recipe other = make_recipe(config, "dense");
  EXPECT_EQ(other.flip, train::Flip::random);
  EXPECT_FALSE(other.mirror);
  EXPECT_EQ(other.ema, 0);
}

TEST_F(ConfigTest, RecipesThatContradictThemselvesAreRefused) {
  const auto refused = [](const std::vector<std::string>& arguments) {
    try {
      make_recipe(parse_command_line(arguments).config, "cnn");
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::usage);
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  EXPECT_NE(refused({"run", "--train.tta=flip"}).find("set flip too"), std::string::npos);
  EXPECT_EQ(refused({"run", "--train.tta=flip", "--train.flip"}), "accepted");
  EXPECT_NE(refused({"run", "--model.cnn.lookahead"}).find("set ema too"), std::string::npos);
  EXPECT_EQ(refused({"run", "--train.ema=0.9", "--train.lookahead"}), "accepted");
}

TEST_F(ConfigTest, EveryOptionHasADefaultThatFitsAndAHelpText) {
  for (const OptionSpec& spec : option_schema()) {
    EXPECT_FALSE(spec.help.empty()) << spec.key;
    if (spec.default_value.empty()) continue;
    Config config;
    std::string key = spec.key;
    if (const size_t star = key.find('*'); star != std::string::npos) key.replace(star, 1, "x");
    EXPECT_NO_THROW(config.set(key, spec.default_value, "default")) << key;
  }
}

TEST_F(ConfigTest, EveryVerbHasHelp) {
  for (const Verb& verb : verbs()) {
    EXPECT_NE(verb_help_text(verb.name).find(verb.help), std::string::npos);
    EXPECT_NE(help_text().find(verb.name), std::string::npos);
  }
}

TEST_F(ConfigTest, HelpOfAViewHasNoOptionsOfAServer) {
  const std::string help = verb_help_text("top");
  for (const char* of_it : {"--top.server", "--top.tls_ca", "--run.dir", "--serve.port"}) {
    EXPECT_NE(help.find(of_it), std::string::npos) << of_it;
  }
  for (const char* of_a_server : {"--serve.replicas", "--serve.canary", "--serve.queue"}) {
    EXPECT_EQ(help.find(of_a_server), std::string::npos) << of_a_server;
  }
  EXPECT_EQ(help.find("podium top"), help.rfind("podium top")) << "usage is told once";
}

TEST_F(ConfigTest, TheOptionsPageIsUpToDate) {
  std::ifstream file(PODIUM_OPTIONS_PAGE);
  std::ostringstream text;
  text << file.rdbuf();
  EXPECT_TRUE(text.str() == options_markdown())
      << "docs/options.md is old: ninja make_options_page, then make_options_page > "
         "docs/options.md";
}

}  // namespace
}  // namespace podium
