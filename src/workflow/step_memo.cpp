#include "workflow/step_memo.hpp"

#include <algorithm>
#include <span>

#include "core/error.hpp"
#include "core/hash.hpp"
#include "io/files/atomic_file.hpp"
#include "io/sources/file_digest.hpp"
#include "workflow/memo_book.hpp"

namespace podium::workflow {
namespace {

namespace fs = std::filesystem;

// Brackets within brackets; writing JSON takes stack for each.
constexpr int most_nesting = 256;

std::string text_xxh3(const std::string& text) {
  return to_hex(xxh3(std::as_bytes(std::span(text.data(), text.size()))));
}

fs::path memo_file(const Settings& settings, const Step& step) {
  const std::string which =
      step.output.empty() ? "" : "-" + text_xxh3(fs::absolute(step.output).string());
  return settings.run_dir / "memo" / (step.name + which + ".json");
}

Json with_program(Json identity) {
  identity["program"] = program_xxh3();
  return identity;
}

// The memo without its seal. Throws what a damaged one makes the parser throw.
Json read_memo(const fs::path& file) {
  const auto check_nesting = [&file](int depth, Json::parse_event_t, const Json&) {
    if (depth > most_nesting) {
      throw data_error("the memo nests too deeply", file.string(), "the step is done again");
    }
    return true;
  };
  Json memo = Json::parse(io::read_text_file(file), check_nesting);
  const std::string seal = memo.at("seal");
  memo.erase("seal");
  if (text_xxh3(memo.dump()) != seal) {
    throw data_error("the memo is damaged", file.string(), "the step is done again");
  }
  return memo;
}

// The first of the files that is not what the step wrote; empty if all are.
std::string changed_file(const Json& files) {
  for (const auto& [path, digest] : files.items()) {
    std::error_code error;
    if (!fs::exists(path, error)) return path + " is gone";
    if (content_xxh3(path) != digest.get<std::string>()) return path + " has changed";
  }
  return "";
}

}  // namespace

std::string program_xxh3() {
  return content_xxh3("/proc/self/exe");
}

std::string content_xxh3(const fs::path& place) {
  Xxh3Stream stream;
  if (!fs::is_directory(place)) {
    if (fs::exists(place) && !fs::is_regular_file(place)) {
      throw data_error("this is no file but a device, or the like", place.string(),
                       "check the path");
    }
    io::add_file(stream, place);
    return to_hex(stream.digest());
  }
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry :
       fs::recursive_directory_iterator(place, fs::directory_options::follow_directory_symlink)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  for (const fs::path& file : files) {
    const std::string name = file.lexically_relative(place).string() + '\n';
    stream.update(std::as_bytes(std::span(name.data(), name.size())));
    io::add_file(stream, file);
  }
  return to_hex(stream.digest());
}

std::string first_difference(const Json& then, const Json& now) {
  for (const auto& [word, value] : now.items()) {
    const Json before = then.value(word, Json());
    if (before == value) continue;
    if (!value.is_object() || !before.is_object()) return word;
    const std::string inner = first_difference(before, value);
    return inner.empty() ? word : word + ": " + inner;
  }
  return "";
}

RecalledStep recall_step(const Settings& settings, const Step& step) {
  if (settings.ingest.memo.mode == io::MemoMode::never) return {{}, "--memo is never"};
  try {
    const fs::path file = memo_file(settings, step);
    if (!fs::exists(file)) return {{}, "it has not been done here"};
    Json memo = read_memo(file);
    const std::string differs = first_difference(memo.at("identity"), with_program(step.identity));
    if (!differs.empty()) return {{}, "another one than before: " + differs};
    const std::string changed = changed_file(memo.at("files"));
    if (!changed.empty()) return {{}, changed};
    return {std::move(memo.at("result")), "input, configuration and program are the same"};
  } catch (const std::exception& error) {
    return {{}, std::string("what was noted before cannot be used: ") + error.what()};
  }
}

void keep_step(const Settings& settings, const Step& step, const Json& result,
               const std::vector<fs::path>& files, const Log& log) {
  std::error_code error;
  if (!fs::is_directory(settings.run_dir, error)) return;
  try {
    Json memo = {
        {"identity", with_program(step.identity)}, {"result", result}, {"files", Json::object()}};
    for (const fs::path& file : files) {
      memo["files"][fs::absolute(file).string()] = content_xxh3(file);
    }
    memo["seal"] = text_xxh3(memo.dump());
    io::create_folder(settings.run_dir / "memo");
    io::write_volatile_text_file(memo_file(settings, step), memo.dump(2) + "\n");
  } catch (const std::exception& failure) {
    log.warning("memo: step '" + step.name + "' is not kept: " + failure.what());
  }
}

void tell_step(const Settings& settings, const Step& step, const RecalledStep& recalled,
               double seconds, const Log& log) {
  const bool reused = recalled.result.has_value();
  log.info(step.name + ": " + (reused ? "reused: " : "done: ") + recalled.reason);
  const std::string name =
      step.name + (step.output.empty() ? "" : " ") + step.output.filename().string();
  note_decision(settings.run_dir, {"", name, reused, recalled.reason, seconds}, log);
}

}  // namespace podium::workflow
