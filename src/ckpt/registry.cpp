#include "ckpt/registry.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>

#include "core/error.hpp"
#include "io/files/atomic_file.hpp"
#include "io/files/file_lock.hpp"

namespace podium::ckpt {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr std::chrono::minutes lock_timeout{5};
constexpr size_t name_limit = 128;
constexpr size_t number_digits = 6;
constexpr int most_versions = 2'000'000'000;
constexpr std::string_view extension = ".h5";

bool is_spelled_well(std::string_view name) {
  const auto is_allowed = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  };
  return !name.empty() && std::all_of(name.begin(), name.end(), is_allowed);
}

void check_name(const std::string& name) {
  if (!is_model_name(name)) {
    throw usage_error("'" + name + "' cannot name a model", "registry",
                      "use letters, digits, '_' and '-', at most 128 of them");
  }
}

void check_accuracy(double accuracy, const std::string& name) {
  if (!(accuracy >= 0.0 && accuracy <= 1.0)) {
    throw usage_error("validation accuracy " + std::to_string(accuracy) + " is outside [0,1]",
                      "candidate " + name, "do not offer a model that was not evaluated");
  }
}

// "000001-NAME"
std::string version_stem(int number, const std::string& name) {
  std::array<char, 16> digits{};
  std::snprintf(digits.data(), digits.size(), "%06d", number);
  return digits.data() + ("-" + name);
}

// The number of "000001-NAME"; empty for any other text.
std::optional<int> version_number(const std::string& stem) {
  int number = 0;
  const auto [end, error] = std::from_chars(stem.data(), stem.data() + stem.size(), number);
  const bool ok = error == std::errc() && end - stem.data() >= ptrdiff_t{number_digits} &&
                  end != stem.data() + stem.size() && *end == '-' && is_model_name(end + 1) &&
                  number > 0 && number <= most_versions;
  return ok ? std::optional<int>(number) : std::nullopt;
}

// What current.json calls `number`; 0 for what is none. A larger one must not wrap around.
int number_of(const Json& entry) {
  const Json& number = entry.at("number");
  const bool ok = number.is_number_integer() && number >= 1 && number <= most_versions;
  return ok ? number.get<int>() : 0;
}

// The .h5 files of `folder`, by name; temporary files begin with a dot.
std::vector<fs::path> snapshot_files(const fs::path& folder) {
  std::vector<fs::path> paths;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().extension() == extension && is_spelled_well(entry.path().stem().string())) {
      paths.push_back(entry.path());
    }
  }
  if (error) throw io_error("cannot list the folder", folder.string(), error.value());
  std::sort(paths.begin(), paths.end());
  return paths;
}

double card_accuracy(const Json& card, const fs::path& path) {
  const auto accuracy = card.is_object() ? card.find("val_accuracy") : card.end();
  if (!card.is_object() || accuracy == card.end() || !accuracy->is_number()) {
    throw data_error("the card has no number 'val_accuracy'", path.string(),
                     "it was not written by a registry; remove it");
  }
  return accuracy->get<double>();
}

Registry::Version read_version(int number, const fs::path& path) {
  const std::string stem = path.stem().string();
  const double accuracy = card_accuracy(read_snapshot_card(path), path);
  return {number, stem.substr(stem.find('-') + 1), accuracy, path};
}

// Gives `source` the second name `target`; copies where the file system has no hard links.
void link_or_copy(const fs::path& source, const fs::path& target) {
  std::error_code error;
  fs::remove(target, error);  // of an offer that ended before it wrote current.json
  if (link(source.c_str(), target.c_str()) != 0) {
    write_snapshot(target, read_snapshot(source));
    return;
  }
  io::sync_folder(target.parent_path());
}

// Whether a published model can be read.
bool is_whole(const fs::path& snapshot) {
  try {
    read_snapshot(snapshot);
    return true;
  } catch (const Error&) {
    return false;
  }
}

bool is_same(const Registry::Candidate& candidate, const Registry::Version& version) {
  return candidate.name == version.name &&
         read_snapshot_seal(candidate.path).xxh3 == read_snapshot_seal(version.path).xxh3;
}

std::string percent(double accuracy) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f %%", 100.0 * accuracy);
  return text.data();
}

Json to_json(const Registry::Version& version) {
  Json json;
  json["number"] = version.number;
  json["name"] = version.name;
  json["val_accuracy"] = version.val_accuracy;
  json["file"] = "versions/" + version.path.filename().string();
  return json;
}

}  // namespace

bool is_model_name(std::string_view name) {
  return is_spelled_well(name) && name.size() <= name_limit;
}

Registry::Registry(fs::path folder) : folder_(std::move(folder)) {
  io::create_folder(folder_ / "candidates");
  io::create_folder(folder_ / "versions");
}

std::optional<Registry::Version> Registry::current() const {
  const fs::path path = folder_ / "current.json";
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return {};
  Version version;
  try {
    const Json json = Json::parse(io::read_text_file(path));
    version.number = number_of(json);
    json.at("name").get_to(version.name);
    json.at("val_accuracy").get_to(version.val_accuracy);
  } catch (const Json::exception& error) {
    throw data_error(std::string("not a registry entry: ") + error.what(), path.string(),
                     "remove it and select again");
  }
  const bool share = version.val_accuracy >= 0 && version.val_accuracy <= 1;
  if (version.number < 1 || !is_model_name(version.name) || !share) {
    throw data_error("not a registry entry: impossible number, name or accuracy", path.string(),
                     "remove it and select again");
  }
  version.path =
      folder_ / "versions" / (version_stem(version.number, version.name) + std::string(extension));
  if (!fs::exists(version.path, ignored)) {
    throw data_error("the current version's file is missing", version.path.string(),
                     "remove " + path.string() + " and select again");
  }
  return version;
}

std::vector<Registry::Version> Registry::versions() const {
  std::vector<Version> versions;
  for (const fs::path& path : snapshot_files(folder_ / "versions")) {
    const std::optional<int> number = version_number(path.stem().string());
    if (number) versions.push_back(read_version(*number, path));
  }
  std::sort(versions.begin(), versions.end(),
            [](const Version& a, const Version& b) { return a.number < b.number; });
  return versions;
}

std::optional<Registry::Version> Registry::version(int number) const {
  for (const fs::path& path : snapshot_files(folder_ / "versions")) {
    if (version_number(path.stem().string()) == number) return read_version(number, path);
  }
  return {};
}

void Registry::add_candidate(const std::string& name, double val_accuracy,
                             const Snapshot& snapshot) {
  check_name(name);
  check_accuracy(val_accuracy, name);
  Json card = snapshot.card.is_object() ? snapshot.card : Json::object();
  card["name"] = name;
  card["val_accuracy"] = val_accuracy;
  const io::FileLock lock(folder_ / "lock", lock_timeout);
  write_snapshot(folder_ / "candidates" / (name + std::string(extension)), card, snapshot.buffers);
}

std::vector<Registry::Candidate> Registry::candidates() const {
  std::vector<Candidate> candidates;
  for (const fs::path& path : snapshot_files(folder_ / "candidates")) {
    const Json card = read_snapshot_card(path);
    candidates.push_back(
        {path.stem().string(), card_accuracy(card, path), path, card.value("metrics", Json())});
  }
  return candidates;
}

Registry::Offer Registry::offer(const Candidate& candidate) {
  check_name(candidate.name);
  const io::FileLock lock(folder_ / "lock", lock_timeout);
  const double accuracy = card_accuracy(read_snapshot_card(candidate.path), candidate.path);
  check_accuracy(accuracy, candidate.name);
  const std::optional<Version> old = current();
  const std::string named = candidate.name + " at " + percent(accuracy);
  const bool usable = old && is_whole(old->path);
  if (usable && accuracy <= old->val_accuracy) {
    if (is_same(candidate, *old)) {
      return {false, *old,
              named + " is published already, as version " + std::to_string(old->number), true};
    }
    return {false, *old,
            named + " is not better than " + old->name + " at " + percent(old->val_accuracy)};
  }
  read_snapshot(candidate.path);  // verifies it
  Version version = publish_file(candidate.path, candidate.name, candidate.val_accuracy, old);
  if (!old) return {true, std::move(version), named + " is published, there was no version yet"};
  const std::string reason =
      usable ? named + " is better than " + old->name + " at " + percent(old->val_accuracy)
             : named + " is published, version " + std::to_string(old->number) + " is damaged";
  return {true, std::move(version), reason};
}

// REQUIRES: the lock is held.
Registry::Version Registry::publish_file(const fs::path& file, const std::string& name,
                                         double val_accuracy,
                                         const std::optional<Version>& old) const {
  // Files count too: an offer that ended before it wrote current.json has used up its number.
  int number = old ? old->number + 1 : 1;
  for (const fs::path& path : snapshot_files(folder_ / "versions")) {
    number = std::max(number, version_number(path.stem().string()).value_or(0) + 1);
  }
  Version version{number, name, val_accuracy,
                  folder_ / "versions" / (version_stem(number, name) + std::string(extension))};
  link_or_copy(file, version.path);
  io::write_text_file(folder_ / "current.json", to_json(version).dump(2) + "\n");
  return version;
}

Registry::Version Registry::publish(const std::string& name, double val_accuracy,
                                    const Snapshot& snapshot) {
  add_candidate(name, val_accuracy, snapshot);
  const io::FileLock lock(folder_ / "lock", lock_timeout);
  return publish_file(folder_ / "candidates" / (name + std::string(extension)), name, val_accuracy,
                      current());
}

Registry::Offer Registry::select() {
  const std::vector<Candidate> all = candidates();
  if (all.empty()) {
    throw data_error("there are no candidates", (folder_ / "candidates").string(),
                     "train a model first");
  }
  return offer(*std::max_element(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return a.val_accuracy < b.val_accuracy;
  }));
}

void Registry::start_over() {
  const io::FileLock lock(folder_ / "lock", lock_timeout);
  fs::remove(folder_ / "current.json");
  for (const fs::path& path : snapshot_files(folder_ / "candidates")) fs::remove(path);
  io::sync_folder(folder_);
}

}  // namespace podium::ckpt
