#include "options.hpp"

#include <algorithm>
#include <boost/program_options/option.hpp>
#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/positional_options.hpp>
#include <boost/program_options/value_semantic.hpp>
#include <filesystem>

#include "core/error.hpp"
#include "core/text.hpp"

namespace podium {
namespace {

namespace options = boost::program_options;

// The flags beside the schema's.
struct Flags {
  bool help = false;
  bool version = false;
  bool print_config = false;
};

// What `--key` alone means: for a truth value that it is true.
std::string bare_value(const OptionSpec& spec) {
  return spec.kind == ValueKind::boolean ? "true" : spec.bare_value;
}

options::options_description flag_descriptions() {
  options::options_description flags;
  flags.add_options()("help", "")("version", "")("print-config", "");
  flags.add_options()("word", options::value<std::vector<std::string>>());
  for (const OptionSpec& spec : option_schema()) {
    if (spec.key.find('*') != std::string::npos) continue;
    flags.add_options()(spec.key.c_str(), options::value<std::string>());
  }
  return flags;
}

// One parsed word of the command line: a flag, an option of the schema, or a verb or file.
void take_option(const options::option& option, Flags* flags, std::vector<std::string>* words,
                 Config* config) {
  const std::string& key = option.string_key;
  if (key == "help") {
    flags->help = true;
  } else if (key == "version") {
    flags->version = true;
  } else if (key == "print-config") {
    flags->print_config = true;
  } else if (key == "word" || option.position_key >= 0) {
    words->insert(words->end(), option.value.begin(), option.value.end());
  } else if (option.value.empty()) {
    const bool known = find_option(key) != nullptr;
    throw usage_error(
        known ? "--" + key + " needs a value" : "unknown flag '--" + key + "'", "command line",
        known ? "write --" + key + "=VALUE" : "did you mean '--" + nearest_option(key) + "'?");
  } else {
    config->set(key, option.value.front(), "flag --" + key);
  }
}

bool is_truth_value(const std::string& word) {
  static const std::vector<std::string> words = {"true", "false", "yes", "no", "1", "0"};
  return std::ranges::count(words, word) > 0;
}

// Flags that mean something alone never take the next word as their value: it is an input file.
// Only a truth value is taken by a flag that is one.
std::vector<std::string> with_bare_values(const std::vector<std::string>& arguments) {
  std::vector<std::string> words;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    const OptionSpec* spec = word.starts_with("--") ? find_option(word.substr(2)) : nullptr;
    if (spec == nullptr || bare_value(*spec).empty()) {
      words.push_back(word);
    } else if (spec->kind == ValueKind::boolean && i + 1 < arguments.size() &&
               is_truth_value(arguments[i + 1])) {
      words.push_back(word + "=" + arguments[++i]);
    } else {
      words.push_back(word + "=" + bare_value(*spec));
    }
  }
  return words;
}

// A flag without a section means the verb's own: `podium predict --input=x` is --predict.input=x.
std::vector<std::string> with_sections(std::vector<std::string> arguments) {
  const auto is_verb = [](const std::string& word) {
    return std::ranges::count(verbs(), word, &Verb::name) > 0;
  };
  const auto verb = std::ranges::find_if(arguments, is_verb);
  if (verb == arguments.end()) return arguments;
  const std::string section = *verb + ".";
  for (std::string& word : arguments) {
    if (!word.starts_with("--")) continue;
    const std::string key = word.substr(2, word.find('=') - 2);
    const bool known = key.find('.') != std::string::npos || find_option(key) != nullptr;
    if (!known && find_option(section + key) != nullptr) word.insert(2, section);
  }
  return arguments;
}

std::vector<options::option> split_words(const std::vector<std::string>& arguments) {
  namespace style = options::command_line_style;
  options::positional_options_description positions;
  positions.add("word", -1);
  const options::options_description descriptions = flag_descriptions();
  try {
    return options::command_line_parser(with_bare_values(with_sections(arguments)))
        .options(descriptions)
        .positional(positions)
        .style(style::allow_long | style::long_allow_adjacent | style::long_allow_next)
        .allow_unregistered()
        .run()
        .options;
  } catch (const options::error& error) {
    throw usage_error(error.what(), "command line", "see podium --help");
  }
}

const Verb& find_verb(const std::string& name) {
  const auto found = std::ranges::find(verbs(), name, &Verb::name);
  if (found != verbs().end()) return *found;
  std::vector<std::string> known;
  for (const Verb& verb : verbs()) known.push_back(verb.name);
  throw usage_error("unknown verb '" + name + "'", "command line",
                    "did you mean '" + nearest_word(name, known) + "'? See podium --help");
}

// The word behind a verb that names what it is about; input files follow.
std::string take_subject(const Verb& verb, std::vector<std::string>* words) {
  std::string known;
  for (const std::string& subject : verb.subjects) known += (known.empty() ? "" : ", ") + subject;
  if (words->empty() || std::ranges::count(verb.subjects, words->front()) == 0) {
    throw usage_error(words->empty() ? "`" + verb.name + "` of what?"
                                     : "no `" + verb.name + "` of '" + words->front() + "'",
                      "command line",
                      "write podium " + verb.name + " WHAT, where WHAT is one of: " + known);
  }
  std::string subject = std::move(words->front());
  words->erase(words->begin());
  return subject;
}

// The words that name run folders: all that are no input files.
std::vector<std::string> take_folders(std::vector<std::string>* words) {
  std::vector<std::string> folders;
  const auto is_folder = [](const std::string& word) {
    return !word.ends_with(".cfg") || std::filesystem::is_directory(word);
  };
  std::ranges::copy_if(*words, std::back_inserter(folders), is_folder);
  std::erase_if(*words, is_folder);
  return folders;
}

// Of a run folder, its configuration.
void read_input(const std::string& verb, const std::string& name, Config* config) {
  const bool takes_folders = verb == "top" || verb == "inspect";
  if (!takes_folders || !std::filesystem::is_directory(name)) return config->read_file(name);
  config->read_file((std::filesystem::path(name) / "config.cfg").string());
  config->set("run.dir", name, "the run folder");
}

std::string default_text(const OptionSpec& spec) {
  return spec.default_value.empty() ? "" : " [" + spec.default_value + "]";
}

std::string choices_text(const OptionSpec& spec) {
  std::string text;
  for (const std::string& choice : spec.choices) text += (text.empty() ? "" : "|") + choice;
  return text.empty() ? "" : " (" + text + ")";
}

std::string option_lines(const Verb& verb) {
  std::string text;
  for (const OptionSpec* spec : options_of(verb)) {
    std::string left = "  --" + spec->key;
    if (left.size() < 30) left.resize(30, ' ');
    text += left + " " + spec->help + choices_text(*spec) + default_text(*spec) + "\n";
  }
  return text;
}

}  // namespace

const std::vector<Verb>& verbs() {
  static const std::vector<Verb> all = {
      {"run",
       "the whole pipeline in one job: ingest, train, select, serve",
       {"", "run", "io", "memo", "train", "model", "comm", "ps", "ckpt", "engine", "serve", "log"}},
      {"ingest", "read a data set into its HDF5 cache", {"", "run", "io", "memo", "log"}},
      {"train",
       "train one model; its result becomes a candidate of the run folder",
       {"", "run", "io", "memo", "train", "model", "comm", "ps", "ckpt", "log"}},
      {"select", "publish the best candidate of the run folder", {"run", "log"}},
      {"serve",
       "answer predictions with the published model",
       {"", "run", "serve", "engine", "log"}},
      {"predict",
       "classify images, here or by a running service",
       {"run", "io", "memo", "predict", "comm", "log"}},
      {"search",
       "architecture search over parameter servers; writes the winner as an input file",
       {"", "run", "io", "memo", "train", "search", "comm", "log"}},
      {"learn",
       "reinforcement learning: explorers, a buffer and trainers kept in step",
       {"", "run", "io", "memo", "learn", "comm", "ckpt", "log"}},
      {"export",
       "write a model for other programs: ONNX, safetensors",
       {"run", "memo", "export", "log"}},
      {"inspect",
       "show what a run folder holds: inspect memo, what its steps did and saved",
       {"run", "log"},
       {"memo"},
       "[RUN_FOLDER | input.cfg ...]"},
      {"bench",
       "measure a part against its peers and limits: bench io, nn, allreduce, scaling, sync, save, "
       "ckpt, ps, serve, search, learn, trace",
       {"", "run", "io", "memo", "train", "model", "comm", "ps", "ckpt", "engine", "serve",
        "search", "learn", "bench", "log"},
       {"io", "nn", "allreduce", "scaling", "sync", "save", "ckpt", "ps", "serve", "search",
        "learn", "trace"}},
      {"report",
       "one page about one or more runs: what ran, where time went, which model won and why",
       {"report", "run.dir", "log"},
       {},
       "[RUN_FOLDER ...] [input.cfg ...]"},
      {"top",
       "a live view of a running service",
       {"top", "run.dir", "serve.address", "serve.port", "serve.tls_cert", "log"},
       {},
       "[RUN_FOLDER | input.cfg ...]"},
      {"plan",
       "layout, memory per rank and predicted step time of a job on so many nodes",
       {"", "run", "io", "train", "model", "comm", "plan", "log"}},
  };
  return all;
}

std::vector<const OptionSpec*> options_of(const Verb& verb) {
  std::vector<const OptionSpec*> found;
  for (const OptionSpec& spec : option_schema()) {
    if (std::ranges::count(verb.sections, section_of(spec.key)) > 0 ||
        std::ranges::count(verb.sections, spec.key) > 0) {
      found.push_back(&spec);
    }
  }
  return found;
}

Invocation parse_command_line(std::vector<std::string> arguments) {
  std::ranges::replace(arguments, "-h", "--help");
  Flags flags;
  std::vector<std::string> words;
  Config flag_values;
  for (const options::option& option : split_words(arguments)) {
    take_option(option, &flags, &words, &flag_values);
  }
  Invocation invocation;
  if (flags.version) {
    invocation.action = Invocation::Action::version;
    return invocation;
  }
  if (words.empty()) {
    if (!flags.help) throw usage_error("no verb", "command line", "see podium --help");
    invocation.action = Invocation::Action::help;
    return invocation;
  }
  const Verb& verb = find_verb(words.front());
  invocation.verb = verb.name;
  if (flags.help) {
    invocation.action = Invocation::Action::verb_help;
    return invocation;
  }
  words.erase(words.begin());
  if (!verb.subjects.empty()) invocation.subject = take_subject(verb, &words);
  if (verb.name == "report") invocation.run_folders = take_folders(&words);
  invocation.input_files = words;
  for (const std::string& file : invocation.input_files) {
    read_input(verb.name, file, &invocation.config);
  }
  invocation.config.read_environment();
  invocation.config.override_with(flag_values);
  if (flags.print_config) invocation.action = Invocation::Action::print_config;
  return invocation;
}

std::string help_text() {
  std::string text =
      "podium VERB [input.cfg ...] [--section.key=value ...]\n\n"
      "Trains, selects, checkpoints and serves image classifiers. Runs alone or under mpirun or\n"
      "srun; the ranks of a job take roles (--roles).\n\nVerbs:\n";
  for (const Verb& verb : verbs()) {
    std::string name = "  " + verb.name;
    name.resize(12, ' ');
    text += name + verb.help + "\n";
  }
  text +=
      "\nFlags:\n"
      "  --help          this page; after a verb: its options\n"
      "  --version       versions of Podium and of what it is built on\n"
      "  --print-config  the effective configuration, itself an input file\n\n"
      "Flags override PODIUM_SECTION__KEY in the environment, which overrides input files, of\n"
      "which later ones win. Exit codes: 0 done, 2 usage, 65 bad input data, 69 something needed\n"
      "is absent, 70 internal error, 74 I/O error, 75 stopped early (run again to go on).\n";
  return text;
}

std::string verb_help_text(const std::string& name) {
  const Verb& verb = find_verb(name);
  std::string text = "podium " + verb.name + (verb.subjects.empty() ? " " : " WHAT ") + verb.files +
                     " [--section.key=value ...]\n\n  " + verb.help + "\n";
  text += "\nOptions:\n" + option_lines(verb);
  const auto own = std::ranges::find_if(
      option_schema(), [&](const OptionSpec& spec) { return section_of(spec.key) == verb.name; });
  if (own == option_schema().end()) return text;
  return text + "\nThe section may be left out of the verb's own: --" +
         own->key.substr(verb.name.size() + 1) + " is --" + own->key + ".\n";
}

std::string options_markdown() {
  std::string text =
      "# Options\n\nMade from the schema in `src/schema.cpp`; `podium VERB --help` prints the part "
      "of a verb.\n\n"
      "| key | default | meaning |\n|---|---|---|\n";
  for (const OptionSpec& spec : option_schema()) {
    std::string choices;
    for (const std::string& choice : spec.choices)
      choices += (choices.empty() ? "" : ", ") + ("`" + choice + "`");
    text += "| `" + spec.key + "` | " +
            (spec.default_value.empty() ? "" : "`" + spec.default_value + "`") + " | " + spec.help +
            (choices.empty() ? "" : ": " + choices) + " |\n";
  }
  return text;
}

}  // namespace podium
