// From the checked configuration to what the steps need: defaults that depend on other options,
// recipes of the models, and checks across keys.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "bench/allreduce_bench.hpp"
#include "bench/ckpt_bench.hpp"
#include "bench/nn_bench.hpp"
#include "config.hpp"
#include "core/log.hpp"
#include "train/recipe.hpp"
#include "workflow/settings.hpp"

namespace podium {

// The built-in models dense, cnn and resnet: architecture text by name, or empty.
std::string builtin_architecture(const std::string& model);

// The folder of the run: --run.dir, or runs/NAME after the last input file, or runs/podium.
std::filesystem::path run_folder(const Config& config, const std::vector<std::string>& input_files);

// The recipe of one model: its own model.NAME.* keys, else train.*. `model` is a name, or an
// architecture text, which is then called "model". Throws usage_error for unknown names and for
// architecture text that does not parse.
train::Recipe make_recipe(const Config& config, const std::string& model);

// Settings for `verb`, which trains the models of run.models (run, bench) or train.model (train).
// Where to compute is not among them: main.cpp chooses that once the ranks know each other. Throws
// usage_error.
workflow::Settings make_settings(const Config& config, const std::string& verb,
                                 const std::filesystem::path& run_dir);

// What `bench allreduce` measures, by the bench.* keys. Throws usage_error.
bench::AllReduceBenchOptions allreduce_bench_options(const Config& config, const Log& log);

// What `bench nn` measures: `models`, with the bench.* keys. Throws usage_error.
bench::NnBenchOptions nn_bench_options(const Config& config, std::vector<train::Recipe> models,
                                       const Log& log);

// The checkpoint engine's part of the settings (engine_settings.cpp). Throws usage_error.
workflow::EngineSettings engine_settings(const Config& config);

// What `bench ckpt` measures, by the bench.* and engine.* keys. Throws usage_error.
bench::CkptBenchOptions ckpt_bench_options(const Config& config,
                                           const std::filesystem::path& run_dir, const Log& log);

}  // namespace podium
