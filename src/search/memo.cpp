#include "search/memo.hpp"

#include <fstream>
#include <nlohmann/json.hpp>

#include "core/hash.hpp"

namespace podium::search {

using Json = nlohmann::ordered_json;

Memo::Memo(const std::filesystem::path& file, const Json& identity, const Log& log, Known known)
    : identity_(identity.dump()), lines_(file, log) {
  read(file);
  if (known == Known::forgotten) known_.clear();
}

void Memo::read(const std::filesystem::path& file) {
  if (!std::filesystem::is_regular_file(file)) return;
  std::ifstream lines(file);
  bool torn = false;  // the last line has no end
  for (std::string line; std::getline(lines, line);) {
    torn = lines.eof();
    const Json entry = Json::parse(line, nullptr, false);
    try {
      ChildResult result{entry.at("reward"), entry.at("epochs"), entry.at("seconds"),
                         entry.at("reason"), true};
      known_.insert_or_assign(entry.at("key").get<std::string>(), std::move(result));
    } catch (const Json::exception&) {
      continue;  // half a line, or none of ours
    }
  }
  if (torn) lines_.write(Json::object());  // so that the next one begins a line
}

const ChildResult* Memo::find(const std::string& architecture) const {
  const auto found = known_.find(key_of(architecture));
  return found == known_.end() ? nullptr : &found->second;
}

void Memo::add(const std::string& architecture, const ChildResult& result) {
  const std::string key = key_of(architecture);
  known_.insert_or_assign(key, result);
  if (!result.repeatable) return;
  lines_.write({{"key", key},
                {"architecture", architecture},
                {"reward", result.accuracy},
                {"epochs", result.epochs},
                {"seconds", result.seconds},
                {"reason", result.reason}});
}

std::string Memo::key_of(const std::string& architecture) const {
  const std::string text = identity_ + "\n" + architecture;
  return to_hex(xxh3(std::as_bytes(std::span(text))));
}

}  // namespace podium::search
