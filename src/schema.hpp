// The one table of options. It feeds flags, input files, environment, help and docs/options.md.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace podium {

enum class ValueKind { text, integer, real, boolean, bytes, duration };

struct OptionSpec {
  std::string key;  // "section.name", or "name" for the few without a section
  ValueKind kind;
  std::string default_value;              // as written in an input file; may be empty for texts
  std::string help;                       // one line, with the unit where there is one
  std::vector<std::string> choices = {};  // a text must be one of these, when there are any
  double least = 0;                       // numbers: the smallest and largest allowed
  double most = 1e18;
  std::string bare_value = {};  // what the flag alone means, without "=VALUE"; empty: nothing
};

// Every option, in the order of the documentation. Options of one model of a run are written
// "model.NAME.key"; the schema lists them once, with '*' for NAME.
const std::vector<OptionSpec>& option_schema();

// The spec of `key`, or null. "model.cnn.lr" finds "model.*.lr".
const OptionSpec* find_option(std::string_view key);

// The known key with the smallest edit distance to `key`; of a key without a section, to its last
// part.
std::string nearest_option(const std::string& key);

// The section of a key: "train" for "train.lr", "" for "roles".
std::string section_of(std::string_view key);

}  // namespace podium
