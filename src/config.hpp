// Config: the value of every option, and where each came from.
//
// Sources override each other in this order: defaults, input files (later ones win), environment
// (PODIUM_SECTION__KEY), flags. Every value is checked against the schema when it is set, so that
// getters cannot fail.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace podium {

class Config {
 public:
  // All defaults.
  Config() = default;

  // Sets `key`. `origin` names the flag, or the file and line, for errors. Throws usage_error that
  // names the nearest known key, or what values are allowed.
  void set(const std::string& key, const std::string& value, const std::string& origin);

  // Takes over every value that `other` has set.
  void override_with(const Config& other);

  void read_file(const std::filesystem::path& path);  // throws usage_error
  void read_environment();                            // throws usage_error

  // REQUIRES: the key is in the schema and of that kind.
  std::string text(const std::string& key) const;
  int64_t integer(const std::string& key) const;
  double real(const std::string& key) const;
  bool boolean(const std::string& key) const;
  uint64_t bytes(const std::string& key) const;
  std::chrono::seconds duration(const std::string& key) const;

  // True if some source set the key.
  bool is_set(const std::string& key) const { return values_.contains(key); }

  // The names N of all keys "model.N.x" that were set, in alphabetical order.
  std::vector<std::string> model_names() const;

  // The effective configuration as an input file: reading it gives the same Config.
  std::string print() const;

 private:
  std::map<std::string, std::string> values_;
};

}  // namespace podium
