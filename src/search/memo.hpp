// Memo: what is known of networks, by content: a network, a recipe, data and a seed are trained
// once.
//
// A file of one JSON object a line, to which each result is appended; a line that a killed job left
// half written is passed over. Results of other recipes or data may stand in the same file, under
// other keys. For one thread.
#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "core/json_lines.hpp"
#include "core/log.hpp"
#include "search/child_training.hpp"

namespace podium::search {

class Memo {
 public:
  enum class Known { used, forgotten };

  // Reads `file` if it is there and what it knows is used. `identity` is all beside the network
  // that decides a result. Throws io_error.
  Memo(const std::filesystem::path& file, const nlohmann::ordered_json& identity, const Log& log,
       Known known = Known::used);

  // By the canonical text of a network.
  const ChildResult* find(const std::string& architecture) const;

  // One that is not repeatable is kept for this job alone. A full disk costs the line, not the job.
  void add(const std::string& architecture, const ChildResult& result);

  size_t size() const { return known_.size(); }

 private:
  void read(const std::filesystem::path& file);
  std::string key_of(const std::string& architecture) const;

  std::string identity_;
  std::map<std::string, ChildResult> known_;  // by key
  JsonLines lines_;
};

}  // namespace podium::search
