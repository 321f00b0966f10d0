#include "schema.hpp"

#include <algorithm>

#include "core/text.hpp"
#include "schema_lists.hpp"

namespace podium {
namespace {

using enum ValueKind;

std::vector<OptionSpec> general_options() {
  return {
      {"roles", text, "",
       "ranks per role, e.g. ingest=1,train=2,ckpt=1,serve=1; of a search "
       "ps=2,controller=2,child=4; "
       "of learning explorer=2,buffer=1,train=1; unset roles are chosen"},
      {"append",
       text,
       "",
       "`ingest` adds to the cache what its source has grown by, or the records of another "
       "--append=SOURCE",
       {},
       0,
       1e18,
       "true"},
      {"device", text, "auto", "where to compute", {"auto", "cpu", "cuda"}},
      {"memo",
       text,
       "content",
       "when a step is not done again (docs/slurm.md): what it came of has the same content; of "
       "ingest also age and record count, or whenever there is a cache; never",
       {"content", "age", "always", "never"}},
      {"run.dir", text, "", "folder of the run; default runs/NAME, NAME being the input file's"},
      {"run.models", text, "dense,cnn,resnet", "models that `run` trains, in this order"},
      {"run.max_time", duration, "0s",
       "after so long training stops with a checkpoint, and the job ends with 75; 0s: no limit"},
      {"run.end_margin", duration, "2min",
       "under Slurm the same happens so long before the end of the job (SLURM_JOB_END_TIME), or "
       "after half of what is left, if that is later"},
  };
}

std::vector<OptionSpec> io_options() {
  return {
      {"io.source", text, "fashion_mnist",
       "a named set, a file or folder, a URL, or synthetic:N,H,W,C,classes"},
      {"io.data_folders", text, "",
       "folders, by commas, where named sets lie; default: where the system installs them"},
      {"io.mirrors", text, "",
       "URLs or folders, by commas, that named sets are fetched from instead of the published "
       "ones"},
      {"io.transform", text, "",
       "what ingest does to every image: resize H W; crop H W; pad N; grayscale; rgb"},
      {"io.cache_dir", text, "cache", "folder of the HDF5 caches, shared between runs"},
      {"io.cache_memory", bytes, "1GiB",
       "hard budget per rank for batches kept in memory; the rest is read from disk"},
      {"io.cache_policy",
       text,
       "pin",
       "which batches stay when not all fit (docs/data.md)",
       {"pin", "lru", "2q"}},
      {"io.shuffle",
       text,
       "auto",
       "order of an epoch: auto takes full when all batches fit in memory, else block",
       {"auto", "full", "block"}},
      {"io.prefetch_threads",
       integer,
       "1",
       "threads that prepare batches ahead; 0: none",
       {},
       0,
       64},
      {"io.follow", boolean, "false",
       "take up at each epoch what was appended to the cache meanwhile"},
      {"io.validation", integer, "5000", "training records set aside for validation", {}, 1},
      {"io.split_seed", integer, "1", "seed of that choice"},
      {"memo.max_age", duration, "30d", "--memo=age: the oldest cache that is used"},
      {"memo.max_change", real, "0.10",
       "--memo=age: the largest change of the source's number of records, relative"},
  };
}

// The recipe of a model: once under train.* (the default of every model), once under model.*.
class RecipeOptions {
 public:
  RecipeOptions(std::string prefix, bool defaults)
      : prefix_(std::move(prefix)), defaults_(defaults) {}

  std::vector<OptionSpec> all() const {
    std::vector<OptionSpec> options = optimisation();
    std::ranges::move(averaging(), std::back_inserter(options));
    std::ranges::move(images(), std::back_inserter(options));
    return options;
  }

 private:
  OptionSpec number(const char* name, ValueKind kind, const char* value, const char* help,
                    double least, double most) const {
    return {prefix_ + name, kind, defaults_ ? value : "", help, {}, least, most};
  }
  OptionSpec choice(const char* name, const char* value, const char* help,
                    std::vector<std::string> choices) const {
    return {prefix_ + name, text, defaults_ ? value : "", help, std::move(choices)};
  }
  OptionSpec flag(const char* name, const char* help) const {
    return {prefix_ + name, boolean, defaults_ ? "false" : "", help};
  }

  std::vector<OptionSpec> optimisation() const {
    return {
        number("epochs", integer, "10", "passes over the training records", 1, 100000),
        number("batch", integer, "128", "images per step, over all ranks", 1, 65536),
        number("accumulate", integer, "1",
               "micro-batches into which each rank cuts its share of a step, to save memory", 1,
               65536),
        number("lr", real, "0.1", "peak learning rate of the one-cycle schedule", 0, 1000),
        number("momentum", real, "0.9", "Nesterov momentum", 0, 0.9999),
        number("weight_decay", real, "0.0005", "decoupled weight decay", 0, 1),
        number("label_smoothing", real, "0.1", "share of the label spread over all classes", 0,
               0.9),
        number("norm_lr", real, "1", "factor on the learning rate of batch norm's shifts", 0.001,
               1000),
        number("warmup", real, "0.25", "share of the steps in which the learning rate rises", 0, 1),
        number("final_lr", real, "0.000004", "the last learning rate, as a share of the peak", 0,
               1),
        choice("init", "he",
               "initial convolutions: he: all random; dirac: as many as can pass a channel on",
               {"he", "dirac"}),
        choice("rounding", "fast",
               "convolutions: fast: by Winograd's filtering where it pays; exact: as written",
               {"fast", "exact"}),
        choice("precision", "fp32",
               "what convolutions and dense layers multiply in training; bf16 needs cores with AMX",
               {"fp32", "bf16"}),
        flag(
            "fused_norm",
            "on a GPU: convolutions also sum what the batch norm behind them needs; cuDNN compiles "
            "for it when training starts"),
    };
  }

  std::vector<OptionSpec> averaging() const {
    return {
        number("ema", real, "0",
               "weight of the past, per step, in a moving average of the weights that is evaluated "
               "and published in their place; 0: none",
               0, 0.999999),
        number("ema_every", integer, "5", "steps between two updates of that average", 1, 1000000),
        flag("lookahead", "training goes on from the average at each of its updates"),
    };
  }

  std::vector<OptionSpec> images() const {
    OptionSpec flip =
        choice("flip", "false",
               "mirror half of the training images: at random, or one half and the other by turns",
               {"false", "true", "alternate"});
    flip.bare_value = "true";
    return {
        flip,
        number("shift", integer, "0", "largest random shift of training images, pixels", 0, 64),
        number("cutout", integer, "0", "side of a square blanked out of training images, pixels", 0,
               16384),
        number("cutout_from", real, "0", "share of the epochs that go before the first cutout", 0,
               1),
        number("erase", real, "0", "share of training images with a random rectangle of noise", 0,
               1),
        choice("tta", "none",
               "flip: predict by the mean over an image and its mirror image, also when serving",
               {"none", "flip"}),
    };
  }

  std::string prefix_;
  bool defaults_;
};

std::vector<OptionSpec> train_options() {
  std::vector<OptionSpec> options = {
      {"train.model", text, "cnn",
       "dense, cnn, resnet, a model of the input file, or architecture text"},
      {"train.sync",
       text,
       "allreduce",
       "how trainers work together: sum gradients among themselves; by parameter servers "
       "(docs/parameter_server.md); not at all",
       {"allreduce", "ps", "none"}},
      {"train.groups",
       integer,
       "0",
       "groups of trainers that train models side by side; 0 chooses",
       {},
       0,
       64},
      {"train.seed", integer, "1", "seed of initial weights and of the order of images"},
      {"train.target_accuracy",
       real,
       "0",
       "validation accuracy at which the training of a model ends, from 0 to 1; 0: after its "
       "epochs",
       {},
       0,
       1},
      {"train.threads",
       integer,
       "0",
       "threads per trainer rank; 0 chooses cores / trainers on the node",
       {},
       0,
       1024},
  };
  std::ranges::move(RecipeOptions("train.", true).all(), std::back_inserter(options));
  options.push_back({"model.*.arch", text, "",
                     "architecture text of the model NAME (docs/architecture_text.md)"});
  std::ranges::move(RecipeOptions("model.*.", false).all(), std::back_inserter(options));
  return options;
}

// "model.cnn.lr" as the schema writes it, "model.*.lr"; other keys unchanged.
std::string schema_key(std::string_view key) {
  constexpr std::string_view prefix = "model.";
  const size_t dot = key.rfind('.');
  if (!key.starts_with(prefix) || dot <= prefix.size()) return std::string(key);
  return "model.*" + std::string(key.substr(dot));
}

// What follows the section in a key.
std::string last_part(const std::string& key) {
  return key.substr(key.rfind('.') + 1);
}

// The first key whose last part is nearest to `word`.
std::string nearest_without_section(const std::string& word) {
  std::vector<std::string> known;
  for (const OptionSpec& spec : option_schema()) known.push_back(last_part(spec.key));
  const std::string nearest = nearest_word(word, known);
  const auto found = std::ranges::find(known, nearest);
  return option_schema()[static_cast<size_t>(found - known.begin())].key;
}

}  // namespace

const std::vector<OptionSpec>& option_schema() {
  static const std::vector<OptionSpec> schema = [] {
    std::vector<OptionSpec> all;
    for (const auto list :
         {general_options, schema::see_options, io_options, train_options, schema::comm_options,
          schema::ps_options, schema::ckpt_options, schema::engine_options, schema::serve_options,
          schema::bench_options, schema::load_options, schema::predict_options,
          schema::study_options, schema::search_options, schema::search_job_options,
          schema::search_bench_options, schema::learn_options, schema::top_options}) {
      std::ranges::move(list(), std::back_inserter(all));
    }
    return all;
  }();
  return schema;
}

const OptionSpec* find_option(std::string_view key) {
  const std::string wanted = schema_key(key);
  const auto& schema = option_schema();
  const auto found = std::ranges::find(schema, wanted, &OptionSpec::key);
  return found == schema.end() ? nullptr : &*found;
}

std::string nearest_option(const std::string& key) {
  if (key.find('.') == std::string::npos) return nearest_without_section(key);
  std::vector<std::string> known;
  for (const OptionSpec& spec : option_schema()) known.push_back(spec.key);
  std::string nearest = nearest_word(schema_key(key), known);
  const size_t star = nearest.find('*');
  if (star == std::string::npos) return nearest;
  const std::string name = key.starts_with("model.") ? key.substr(6, key.rfind('.') - 6) : "NAME";
  return nearest.replace(star, 1, name);
}

std::string section_of(std::string_view key) {
  const size_t dot = key.find('.');
  return dot == std::string_view::npos ? "" : std::string(key.substr(0, dot));
}

}  // namespace podium
