// Pages as man(7) describes them. What the schema and the verbs know is said nowhere else; what all
// verbs share, exit codes and places, is said in podium(1), as docs/cli.md has it.
#include "manual.hpp"

#include <algorithm>
#include <cctype>
#include <utility>
#include <vector>

namespace podium {
namespace {

using Entries = std::vector<std::pair<std::string, std::string>>;

// Text that troff takes literally: its escapes and its commands lose their meaning, and a hyphen
// stays the one that can be typed.
std::string literal(const std::string& text) {
  std::string result;
  for (const char c : text) {
    const bool opens_line = result.empty() || result.back() == '\n';
    if (opens_line && (c == '.' || c == '\'')) result += "\\&";
    if (c == '\\') {
      result += "\\e";
    } else if (c == '-') {
      result += "\\-";
    } else {
      result += c;
    }
  }
  return result;
}

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::toupper(c); });
  return text;
}

std::string head(const std::string& name, const std::string& summary, const std::string& version) {
  return ".TH " + upper(literal(name)) + " 1 \"\" \"podium " + version + "\" \"User Commands\"\n" +
         ".SH NAME\n" + literal(name) + " \\- " + literal(summary) + "\n";
}

std::string paragraph(const std::string& text) {
  return ".PP\n" + literal(text) + "\n";
}

std::string entry(const std::string& term, const std::string& meaning) {
  return ".TP\n\\fB" + literal(term) + "\\fR\n" + literal(meaning) + "\n";
}

std::string entries(const std::string& heading, const Entries& list) {
  std::string text = ".SH " + heading + "\n";
  for (const auto& [term, meaning] : list) text += entry(term, meaning);
  return text;
}

std::string joined(const std::vector<std::string>& words, const char* between) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : between) + word;
  return text;
}

const char* value_name(ValueKind kind) {
  switch (kind) {
    case ValueKind::integer:
      return "INTEGER";
    case ValueKind::real:
      return "NUMBER";
    case ValueKind::boolean:
      return "true|false";
    case ValueKind::bytes:
      return "BYTES";
    case ValueKind::duration:
      return "DURATION";
    case ValueKind::text:
      break;
  }
  return "TEXT";
}

std::string option_entry(const OptionSpec& spec) {
  const std::string value =
      spec.choices.empty() ? value_name(spec.kind) : joined(spec.choices, "|");
  std::string text = ".TP\n\\fB" + literal("--" + spec.key) + "\\fR=\\fI" + literal(value) +
                     "\\fR\n" + literal(spec.help) + ".\n";
  if (!spec.default_value.empty()) text += "Default: " + literal(spec.default_value) + ".\n";
  if (!spec.bare_value.empty()) text += "The flag alone means: " + literal(spec.bare_value) + ".\n";
  return text;
}

// One heading a section of options.
std::string option_entries(const Verb& verb) {
  std::string text, section;
  for (const OptionSpec* spec : options_of(verb)) {
    const std::string own = section_of(spec->key);
    if (text.empty()) text = ".SH OPTIONS\n";
    if (own != section && !own.empty()) text += ".SS [" + own + "]\n";
    section = own;
    text += option_entry(*spec);
  }
  return text;
}

std::string verb_name(const Verb& verb) {
  return "podium-" + verb.name;
}

std::string see_also(const std::vector<std::string>& names) {
  std::string text = ".SH SEE ALSO\n";
  for (const std::string& name : names) {
    text += ".BR " + literal(name) + (name == names.back() ? " (1)\n" : " (1),\n");
  }
  return text;
}

}  // namespace

std::string manual_page(const std::string& version) {
  std::string text =
      head("podium", "trains, selects, checkpoints and serves image classifiers", version);
  text +=
      ".SH SYNOPSIS\n\\fBpodium\\fR \\fIVERB\\fR [\\fIinput.cfg\\fR ...] "
      "[\\fB\\-\\-\\fIsection.key\\fR=\\fIvalue\\fR ...]\n.SH DESCRIPTION\n"
      "One executable whose MPI ranks take roles. It runs alone or under mpirun or srun; the ranks "
      "of\n"
      "a job share out ingest, training, checkpoints and serving (\\fB\\-\\-roles\\fR).\n";
  text += paragraph(
      "An input file has sections in brackets, one key = value a line, and comments behind #. "
      "Flags "
      "override PODIUM_SECTION__KEY in the environment, which overrides input files, of which "
      "later "
      "ones win.");
  text += paragraph(
      "Every verb ends with one line on standard output: PODIUM_RESULT and a JSON object.");
  Entries list;
  std::vector<std::string> others = {"podium-mpirun"};
  for (const Verb& verb : verbs()) {
    list.emplace_back(verb.name, verb.help + ".");
    others.push_back(verb_name(verb));
  }
  text += entries("VERBS", list);
  text += entries(
      "OPTIONS",
      {{"--help", "The verbs; behind a verb, its options."},
       {"--version", "Versions of Podium and of what it is built on."},
       {"--print-config", "Behind a verb: the effective configuration, itself an input file."}});
  text += entries("EXIT STATUS",
                  {{"0", "Done."},
                   {"2", "Wrong command line or configuration."},
                   {"65", "Input data damaged or of the wrong kind."},
                   {"69", "A needed service or device is absent."},
                   {"70", "Internal error."},
                   {"74", "Input or output failed: disk full, unwritable."},
                   {"75", "Stopped early with a checkpoint; the same command goes on."}});
  text += entries(
      "ENVIRONMENT",
      {{"PODIUM_SECTION__KEY", "The value of --section.key, for instance PODIUM_TRAIN__LR=0.05."}});
  text += entries("FILES",
                  {{"runs/NAME", "What a run leaves (--run.dir), NAME being the input file's."},
                   {"cache", "Caches of data sets, shared between runs (--io.cache_dir)."}});
  return text + see_also(others);
}

std::string manual_page(const Verb& verb, const std::string& version) {
  std::string text = head(verb_name(verb), verb.help, version);
  text += ".SH SYNOPSIS\n\\fBpodium " + literal(verb.name) + "\\fR ";
  if (!verb.subjects.empty()) text += "\\fI" + literal(joined(verb.subjects, "|")) + "\\fR ";
  text += literal(verb.files) + " [\\fB\\-\\-\\fIsection.key\\fR=\\fIvalue\\fR ...]\n";
  text += option_entries(verb);
  for (const OptionSpec* spec : options_of(verb)) {
    if (section_of(spec->key) != verb.name) continue;
    const std::string own = spec->key.substr(verb.name.size() + 1);
    text += ".SH NOTES\n";
    text += literal("The section may be left out of the verb's own: --" + own + " is --" +
                    spec->key + ".") +
            "\n";
    break;
  }
  return text + see_also({"podium"});
}

}  // namespace podium
