#include "completion.hpp"

#include <string>
#include <vector>

#include "options.hpp"

namespace podium {
namespace {

std::string element(const std::string& key, const std::vector<std::string>& words) {
  std::string text = "  [" + key + "]=\"";
  for (const std::string& word : words) text += (&word == &words.front() ? "" : " ") + word;
  return text + "\"\n";
}

// What may stand behind `--key=`, where that is a short list.
std::vector<std::string> values_of(const OptionSpec& spec) {
  if (spec.kind == ValueKind::boolean) return {"true", "false"};
  return spec.choices;
}

}  // namespace

std::string completion_tables() {
  std::string subjects, keys, values;
  for (const Verb& verb : verbs()) {
    subjects += element(verb.name, verb.subjects);
    std::vector<std::string> names;
    for (const OptionSpec* spec : options_of(verb)) names.push_back(spec->key);
    keys += element(verb.name, names);
  }
  for (const OptionSpec& spec : option_schema()) {
    if (!values_of(spec).empty()) values += element("'" + spec.key + "'", values_of(spec));
  }
  return "declare -gA _podium_subjects=(\n" + subjects + ")\ndeclare -gA _podium_keys=(\n" + keys +
         ")\ndeclare -gA _podium_values=(\n" + values + ")\n";
}

}  // namespace podium
