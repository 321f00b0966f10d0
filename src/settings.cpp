#include "settings.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <set>
#include <string_view>

#include "ckpt/registry.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "nn/architecture.hpp"
#include "schema.hpp"
#include "train/recipe_check.hpp"

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

// The words between commas, without the spaces around them; empty ones are left out.
std::vector<std::string> split_list(const std::string& text) {
  std::vector<std::string> words;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t comma = std::min(text.find(',', begin), text.size());
    const size_t first = std::min(text.find_first_not_of(' ', begin), comma);
    size_t end = comma;
    while (end > first && text[end - 1] == ' ') --end;
    if (end > first) words.push_back(text.substr(first, end - first));
    begin = comma + 1;
  }
  return words;
}

std::vector<train::Recipe> make_recipes(const Config& config, const std::string& verb) {
  if (verb == "train") return {make_recipe(config, config.text("train.model"))};
  if (verb != "run" && verb != "bench") return {};
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

// The numbers between commas, each from 1 to 65536; none for "none".
std::vector<int> count_list(const Config& config, const std::string& key) {
  std::vector<int> counts;
  if (config.text(key) == "none") return counts;
  for (const std::string& word : split_list(config.text(key))) {
    int count = 0;
    const char* end = word.data() + word.size();
    const auto [stop, error] = std::from_chars(word.data(), end, count);
    if (error != std::errc() || stop != end || count < 1 || count > 65536) {
      throw usage_error("'" + word + "' does not fit " + key, key,
                        "write whole numbers from 1 to 65536 with commas between them");
    }
    counts.push_back(count);
  }
  return counts;
}

io::MemoRules memo_rules(const Config& config) {
  return {io::parse_memo_mode(config.text("memo.mode")), config.duration("memo.max_age"),
          config.real("memo.max_change")};
}

// "true" is what the flag alone means: the records by which the cache's own source has grown.
std::optional<std::string> append_source(const std::string& text) {
  if (text.empty() || text == "false") return {};
  return text == "true" ? "" : text;
}

// "2epochs" or "never".
int checkpoint_epochs(const std::string& text) {
  if (text == "never") return 0;
  int epochs = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, epochs);
  const std::string unit(stop, end);
  if (error != std::errc() || epochs < 1 || (unit != "epochs" && unit != "epoch")) {
    throw usage_error("'" + text + "' does not fit ckpt.every", "ckpt.every",
                      "write for instance 1epochs, or never");
  }
  return epochs;
}

// Seconds, or "forever".
void set_linger(const std::string& text, workflow::Settings* settings) {
  if (text == "forever") {
    settings->linger_forever = true;
    return;
  }
  int seconds = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, seconds);
  if (error != std::errc() || stop != end || seconds < 0) {
    throw usage_error("'" + text + "' does not fit serve.linger", "serve.linger",
                      "write seconds, or forever");
  }
  settings->linger = std::chrono::seconds(seconds);
}

// The name in the service's URLs: --serve.model, else the data set's.
std::string served_name(const Config& config) {
  const std::string given = config.text("serve.model");
  const std::string source = config.text("io.source");
  if (given.empty()) return is_name(source) ? source : "podium";
  if (is_name(given)) return given;
  throw usage_error("'" + given + "' does not fit serve.model", "serve.model",
                    "use letters, digits, '_' and '-'");
}

serve::ServiceOptions service_options(const Config& config) {
  serve::ServiceOptions options;
  options.model_name = served_name(config);
  options.address = config.text("serve.address");
  options.port = static_cast<int>(config.integer("serve.port"));
  options.replicas = static_cast<int>(config.integer("serve.replicas"));
  options.policy = serve::parse_policy(config.text("serve.policy"));
  options.queue_limit = static_cast<size_t>(config.integer("serve.queue"));
  options.request_timeout = std::chrono::milliseconds(config.integer("serve.timeout_ms"));
  options.max_batch = static_cast<int>(config.integer("serve.max_batch"));
  options.batch_delay = std::chrono::milliseconds(config.integer("serve.batch_delay_ms"));
  return options;
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
  settings.exchange.overlap = comm::parse_overlap(config.text("comm.overlap"));
  settings.exchange.wire = comm::parse_wire(config.text("comm.wire"));
  settings.train_alone = config.text("train.sync") == "none";
  settings.checkpoint_epochs = checkpoint_epochs(config.text("ckpt.every"));
  settings.service = service_options(config);
  settings.drain = std::chrono::seconds(config.integer("serve.drain_s"));
  set_linger(config.text("serve.linger"), &settings);
  settings.comm_timeout = std::chrono::seconds(config.integer("comm.timeout_s"));
  return settings;
}

bench::AllReduceBenchOptions allreduce_bench_options(const Config& config, const Log& log) {
  bench::AllReduceBenchOptions options;
  options.least_bytes = config.bytes("bench.min_bytes");
  options.most_bytes = config.bytes("bench.max_bytes");
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
