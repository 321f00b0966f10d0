// The command line: podium VERB [input.cfg ...] [--section.key=value ...].
#pragma once

#include <string>
#include <vector>

#include "config.hpp"
#include "schema.hpp"

namespace podium {

struct Verb {
  std::string name;
  std::string help;                        // one line
  std::vector<std::string> sections;       // options that matter to it, for its help: of these
                                           // sections, or of these names
  std::vector<std::string> subjects = {};  // what may stand behind it: `bench io`; one must
  std::string files = "[input.cfg ...]";   // what else may stand there
};

const std::vector<Verb>& verbs();

// The options that matter to a verb, in the order of the schema.
std::vector<const OptionSpec*> options_of(const Verb& verb);

// What the user asked for.
struct Invocation {
  enum class Action { run_verb, help, verb_help, version, print_config };
  Action action = Action::run_verb;
  std::string verb;
  std::string subject;  // one of the verb's, if it has any
  std::vector<std::string> input_files;
  std::vector<std::string> run_folders;  // what `report` is about; empty: run.dir
  Config config;
};

// Parses argv without argv[0]; "-h" is "--help". Throws usage_error.
Invocation parse_command_line(std::vector<std::string> arguments);

std::string help_text();
std::string verb_help_text(const std::string& verb);

// docs/options.md, from the schema.
std::string options_markdown();

}  // namespace podium
