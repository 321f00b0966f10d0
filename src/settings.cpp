#include "settings.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <optional>
#include <set>
#include <string_view>

#include "ckpt/engine/peers.hpp"
#include "ckpt/registry.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "nn/architecture.hpp"
#include "ps_settings.hpp"
#include "schema.hpp"
#include "service_settings.hpp"
#include "train/recipe_check.hpp"
#include "value_lists.hpp"

namespace podium {
namespace {

struct BuiltinModel {
  const char* name;
  const char* architecture;
};

constexpr std::array<BuiltinModel, 3> builtin_models = {
    {{"dense", "dense 256; relu; dense 128; relu; dense classes"},
     {"cnn",
      "conv 32 3; bn; relu; pool 2; conv 64 3; bn; relu; pool 2; dense 128; relu; dense classes"},
     {"resnet", "conv 16 3; bn; relu; res 16 1; res 32 2; res 64 2; gap; dense classes"}}};

// A model's own key if it is set, else the common one.
std::string recipe_key(const Config& config, const std::string& model, const std::string& name) {
  const std::string own = "model." + model + "." + name;
  return config.is_set(own) && !config.text(own).empty() ? own : "train." + name;
}

// Of a model or a service, in files and URLs: the registry's rule.
bool is_name(const std::string& text) {
  return ckpt::is_model_name(text);
}

// Architecture text has a space, in "dense classes".
bool is_meant_as_name(const Config& config, const std::string& model) {
  return model.find(' ') == std::string::npos ||
         std::ranges::count(config.model_names(), model) > 0;
}

std::string architecture_of(const Config& config, const std::string& model) {
  if (!is_name(model)) {
    if (!is_meant_as_name(config, model)) return model;
    throw usage_error("'" + model + "' cannot name a model and its files",
                      "train.model or run.models",
                      "use letters, digits, '_' and '-', at most 128 of them");
  }
  const std::string own = config.text("model." + model + ".arch");
  if (!own.empty()) return own;
  const std::string builtin = builtin_architecture(model);
  if (!builtin.empty()) return builtin;
  std::vector<std::string> known = config.model_names();
  for (const BuiltinModel& entry : builtin_models) known.emplace_back(entry.name);
  throw usage_error("unknown model '" + model + "'", "train.model or run.models",
                    "did you mean '" + nearest_word(model, known) + "'? Other models need model." +
                        model + ".arch");
}

train::Flip flip_from(const std::string& text) {
  if (text == "alternate") return train::Flip::alternate;
  return text == "true" ? train::Flip::random : train::Flip::none;
}

// The recipe's options that are set for this model alone.
std::set<std::string> own_options(const Config& config, const std::string& model) {
  std::set<std::string> own;
  for (const OptionSpec& spec : option_schema()) {
    constexpr std::string_view prefix = "model.*.";
    if (!spec.key.starts_with(prefix)) continue;
    const std::string name = spec.key.substr(prefix.size());
    if (recipe_key(config, model, name) != "train." + name) own.insert(name);
  }
  return own;
}

std::vector<train::Recipe> make_recipes(const Config& config, const std::string& verb) {
  if (verb == "train") return {make_recipe(config, config.text("train.model"))};
  if (verb != "run" && verb != "bench" && verb != "plan") return {};
  std::vector<train::Recipe> recipes;
  for (const std::string& name : split_list(config.text("run.models"))) {
    train::Recipe recipe = make_recipe(config, name);
    if (std::ranges::count(recipes, recipe.name, &train::Recipe::name) > 0) {
      throw usage_error("two models are named '" + recipe.name + "'", "run.models",
                        "name each once, and architecture texts as model.NAME.arch");
    }
    recipes.push_back(std::move(recipe));
  }
  if (recipes.empty()) {
    throw usage_error("there is no model to train", "run.models", "name at least one");
  }
  return recipes;
}

io::MemoRules memo_rules(const Config& config) {
  return {io::parse_memo_mode(config.text("memo")), config.duration("memo.max_age"),
          config.real("memo.max_change")};
}

// "true" is what the flag alone means: the records by which the cache's own source has grown.
std::optional<std::string> append_source(const std::string& text) {
  if (text.empty() || text == "false") return {};
  return text == "true" ? "" : text;
}

ckpt::Retention retention(const Config& config) {
  ckpt::Retention retention;
  retention.newest = static_cast<int>(config.integer("ckpt.keep"));
  retention.best = config.boolean("ckpt.keep_best");
  retention.every = ckpt::parse_interval(config.text("ckpt.keep_every"), "ckpt.keep_every");
  if (retention.every.unit != ckpt::Interval::Unit::seconds) return retention;
  throw usage_error("checkpoints are kept by epochs or steps, not by time", "ckpt.keep_every",
                    "write for instance 10epochs, or never");
}

void set_checkpoints(const Config& config, workflow::Settings* settings) {
  settings->checkpoint_every = ckpt::parse_interval(config.text("ckpt.every"), "ckpt.every");
  settings->memory_every = ckpt::parse_interval(config.text("ckpt.memory"), "ckpt.memory");
  settings->retention = retention(config);
  settings->part_bytes = config.bytes("ckpt.part_bytes");
}

// Seconds from now to the end that Slurm has set for the job, which it tells as a Unix time.
std::optional<double> seconds_to_slurm_end() {
  const char* text = std::getenv("SLURM_JOB_END_TIME");
  if (text == nullptr) return {};
  int64_t end = 0;
  const char* last = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, last, end);
  if (error != std::errc() || stop != last || end <= 0) return {};
  const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<double>(end) - now.count();
}

// When a job must begin to stop: the earlier of what the user and what Slurm has set.
std::optional<double> stop_after(const Config& config) {
  std::optional<double> seconds;
  const auto given = static_cast<double>(config.duration("run.max_time").count());
  if (given > 0) seconds = given;
  if (const auto slurm = seconds_to_slurm_end()) {
    const auto margin = static_cast<double>(config.duration("run.end_margin").count());
    // Of a job that is shorter than that, at least half is for work.
    const double before_end = std::max({0.0, *slurm / 2, *slurm - margin});
    seconds = seconds ? std::min(*seconds, before_end) : before_end;
  }
  return seconds;
}

io::IngestOptions ingest_options(const Config& config, const std::string& verb) {
  io::IngestOptions options;
  options.source = config.text("io.source");
  options.cache_dir = config.text("io.cache_dir");
  options.split_seed = static_cast<uint64_t>(config.integer("io.split_seed"));
  options.validation_records = static_cast<uint64_t>(config.integer("io.validation"));
  options.transform = io::Transform::parse(config.text("io.transform"));
  for (std::string& folder : split_list(config.text("io.data_folders"))) {
    options.data_folders.emplace_back(std::move(folder));
  }
  options.mirrors = split_list(config.text("io.mirrors"));
  options.memo = memo_rules(config);
  options.append = append_source(config.text("append"));
  if (options.append && verb != "ingest") {
    throw usage_error("only `ingest` appends", "--append",
                      "append first, then start `" + verb + "`");
  }
  return options;
}

}  // namespace

std::string builtin_architecture(const std::string& model) {
  const auto found = std::ranges::find_if(
      builtin_models, [&](const BuiltinModel& entry) { return model == entry.name; });
  return found == builtin_models.end() ? "" : found->architecture;
}

std::filesystem::path run_folder(const Config& config,
                                 const std::vector<std::string>& input_files) {
  const std::string given = config.text("run.dir");
  if (!given.empty()) return given;
  const std::string name =
      input_files.empty() ? "podium" : std::filesystem::path(input_files.back()).stem().string();
  return std::filesystem::path("runs") / name;
}

train::Recipe make_recipe(const Config& config, const std::string& model) {
  const auto key = [&](const char* name) { return recipe_key(config, model, name); };
  train::Recipe recipe;
  recipe.name = is_name(model) ? model : "model";
  recipe.architecture = nn::to_text(nn::parse_architecture(architecture_of(config, model)));
  recipe.epochs = static_cast<int>(config.integer(key("epochs")));
  recipe.batch = static_cast<int>(config.integer(key("batch")));
  recipe.accumulate = static_cast<int>(config.integer(key("accumulate")));
  recipe.lr = config.real(key("lr"));
  recipe.momentum = config.real(key("momentum"));
  recipe.weight_decay = config.real(key("weight_decay"));
  recipe.label_smoothing = config.real(key("label_smoothing"));
  recipe.norm_lr = config.real(key("norm_lr"));
  recipe.warmup = config.real(key("warmup"));
  recipe.final_lr = config.real(key("final_lr"));
  if (config.text(key("init")) == "dirac") recipe.init = nn::Initialisation::dirac;
  if (config.text(key("rounding")) == "exact") recipe.numerics.rounding = nn::Rounding::exact;
  if (config.text(key("precision")) == "bf16") recipe.numerics.precision = nn::Precision::bf16;
  recipe.numerics.fused_norm = config.boolean(key("fused_norm"));
  recipe.ema = config.real(key("ema"));
  recipe.ema_every = static_cast<int>(config.integer(key("ema_every")));
  recipe.lookahead = config.boolean(key("lookahead"));
  recipe.flip = flip_from(config.text(key("flip")));
  recipe.shift = static_cast<int>(config.integer(key("shift")));
  recipe.cutout = static_cast<int>(config.integer(key("cutout")));
  recipe.cutout_from = config.real(key("cutout_from"));
  recipe.erase = config.real(key("erase"));
  recipe.mirror = config.text(key("tta")) == "flip";
  recipe.seed = static_cast<uint64_t>(config.integer("train.seed"));
  recipe.own = own_options(config, model);
  train::check_values(recipe);
  return recipe;
}

workflow::Settings make_settings(const Config& config, const std::string& verb,
                                 const std::filesystem::path& run_dir) {
  workflow::Settings settings;
  settings.run_dir = run_dir;
  settings.roles = config.text("roles");
  settings.ingest = ingest_options(config, verb);
  settings.cache_memory_bytes = config.bytes("io.cache_memory");
  settings.cache_policy = io::policy_from(config.text("io.cache_policy"), "--io.cache_policy");
  settings.shuffle = io::shuffle_from(config.text("io.shuffle"), "--io.shuffle");
  settings.prefetch_threads = static_cast<size_t>(config.integer("io.prefetch_threads"));
  settings.follow = config.boolean("io.follow");
  settings.recipes = make_recipes(config, verb);
  settings.groups = static_cast<int>(config.integer("train.groups"));
  settings.threads = static_cast<int>(config.integer("train.threads"));
  settings.target_accuracy = config.real("train.target_accuracy");
  settings.exchange = train::parse_exchange(config.text("comm.allreduce"));
  settings.exchange.calibration = config.text("comm.calibration");
  settings.exchange.wire = comm::parse_wire(config.text("comm.wire"));
  settings.exchange.overlap = comm::parse_overlap(config.text("comm.overlap"));
  settings.train_alone = config.text("train.sync") == "none";
  if (config.text("train.sync") == "ps") {
    settings.servers = ps_training_options(config, verb);
    for (const train::Recipe& recipe : settings.recipes) {
      train::check_consistency(recipe, settings.servers->group.consistency);
    }
  }
  set_checkpoints(config, &settings);
  settings.stop_after = stop_after(config);
  settings.engine = engine_settings(config);
  set_service(config, verb, &settings);
  settings.comm_timeout = std::chrono::seconds(config.integer("comm.timeout_s"));
  return settings;
}

bench::AllReduceBenchOptions allreduce_bench_options(const Config& config, const Log& log) {
  bench::AllReduceBenchOptions options;
  const SizeRange sizes = size_range(config, config.bytes("bench.min_bytes"));
  options.least_bytes = sizes.least;
  options.most_bytes = sizes.most;
  options.factor = static_cast<int>(config.integer("bench.factor"));
  options.type = config.text("bench.type");
  options.repetitions = static_cast<int>(config.integer("bench.repetitions"));
  if (config.is_set("bench.seconds")) options.seconds = config.real("bench.seconds");
  options.calibration = config.text("comm.calibration");
  options.wire = comm::parse_wire(config.text("comm.wire"));
  options.log = log;
  for (const std::string& name : split_list(config.text("bench.algorithms"))) {
    options.algorithms.push_back(comm::parse_algorithm(name));
  }
  return options;
}

bench::NnBenchOptions nn_bench_options(const Config& config, std::vector<train::Recipe> models,
                                       const Log& log) {
  bench::NnBenchOptions options;
  options.models = std::move(models);
  options.threads = count_list(config, "bench.threads");
  options.batches = count_list(config, "bench.batches");
  options.predict_batches = count_list(config, "bench.predict_batches");
  options.peak = config.boolean("bench.peak");
  options.repetitions = static_cast<int>(config.integer("bench.repetitions"));
  options.seconds = config.real("bench.seconds");
  options.log = log;
  return options;
}

}  // namespace podium
