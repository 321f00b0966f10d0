#include "search_job_settings.hpp"

#include <algorithm>
#include <array>

#include "core/error.hpp"
#include "schema.hpp"
#include "search_settings.hpp"
#include "settings.hpp"

namespace podium {
namespace {

using Json = nlohmann::ordered_json;

// Of no consequence to what a search finds.
constexpr std::array<std::string_view, 4> for_this_job = {"search.samples", "search.minutes",
                                                          "search.child_memory", "search.silence"};

search::ChildOptions child_options(const Config& config) {
  search::ChildOptions child;
  child.recipe = make_recipe(config, "dense classes");  // the recipe of train.*, for any network
  child.recipe.name = "child";
  child.recipe.epochs = static_cast<int>(config.integer("search.epochs"));
  child.seconds = config.real("search.seconds");
  child.last_epochs = static_cast<int>(config.integer("search.last_epochs"));
  child.hopeless_share = config.real("search.hopeless");
  child.threads = static_cast<int>(config.integer("search.child_threads"));
  return child;
}

// A child needs some memory for itself; below it would die before it could say why.
void check_child_memory(uint64_t bytes) {
  constexpr uint64_t least = uint64_t{64} << 20;
  if (bytes == 0 || bytes >= least) return;
  throw usage_error("no child could start in " + std::to_string(bytes) + " bytes of memory",
                    "--search.child_memory", "give 64MiB or more, or 0 for a share of the node");
}

}  // namespace

SearchSettings search_settings(const Config& config) {
  SearchSettings settings;
  settings.space = config.text("search.space");
  settings.method = method_options(config);
  settings.adam.lr = config.real("search.lr");
  settings.child = child_options(config);
  settings.slice.train_records = static_cast<uint64_t>(config.integer("search.train_records"));
  settings.slice.validation_records =
      static_cast<uint64_t>(config.integer("search.validation_records"));
  settings.samples = static_cast<size_t>(config.integer("search.samples"));
  settings.seconds = 60 * config.real("search.minutes");
  settings.max_mflops = config.real("search.max_mflops");
  settings.child_memory = config.bytes("search.child_memory");
  check_child_memory(settings.child_memory);
  settings.silence = config.duration("search.silence");
  if (settings.silence.count() <= 0) {
    throw usage_error("every worker would be taken for one that hangs", "--search.silence",
                      "give a time above 0");
  }
  if (settings.samples == 0 && settings.seconds == 0) {
    throw usage_error("the search would never end", "--search.samples and --search.minutes",
                      "set one of them");
  }
  return settings;
}

Json search_identity(const Config& config, const search::SearchLayout& layout, const Json& data) {
  Json identity = {{"controllers", layout.controllers()},
                   {"children_per_controller", layout.children_per_controller()}};
  for (const OptionSpec& spec : option_schema()) {
    const bool ours =
        section_of(spec.key) == "search" && !std::ranges::count(for_this_job, spec.key);
    if (ours) identity[spec.key] = config.text(spec.key);
  }
  identity["reward"] = reward_identity(search_settings(config), data);
  return identity;
}

Json reward_identity(const SearchSettings& settings, const Json& data) {
  const search::ChildOptions& child = settings.child;
  return {{"data", data},
          {"recipe", train::to_json(child.recipe)},
          {"train_records", settings.slice.train_records},
          {"validation_records", settings.slice.validation_records},
          {"seconds", child.seconds},
          {"last_epochs", child.last_epochs},
          {"hopeless", child.hopeless_share},
          {"threads", child.threads}};
}

std::string winner_file(const Config& config, const std::string& architecture,
                        const std::string& comment) {
  std::string text = comment + "\n[run]\nmodels = winner\n";
  for (const std::string section : {"io", "train"}) {
    text += "\n[" + section + "]\n";
    for (const OptionSpec& spec : option_schema()) {
      if (section_of(spec.key) != section || spec.key == "train.model") continue;
      if (!config.is_set(spec.key)) continue;
      text += spec.key.substr(section.size() + 1) + " = " + config.text(spec.key) + "\n";
    }
  }
  return text + "model = winner\n\n[model.winner]\narch = " + architecture + "\n";
}

}  // namespace podium
