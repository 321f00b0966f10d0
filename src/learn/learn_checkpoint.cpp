#include "learn/learn_checkpoint.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "io/files/atomic_file.hpp"

namespace podium::learn {
namespace {

namespace fs = std::filesystem;

constexpr const char* learner_file = "learner.h5";
constexpr const char* current_file = "current.json";
constexpr const char* published_name = "published";

// A name beside the folder that is not taken.
fs::path name_aside(const fs::path& folder) {
  for (int number = 1;; ++number) {
    fs::path name = folder;
    name += ".old-" + std::to_string(number);
    std::error_code ignored;
    if (!fs::exists(name, ignored)) return name;
  }
}

// Whatever is wrong with the folder, there is a way on.
template <typename Read>
auto read_from(const fs::path& folder, const Read& read) {
  try {
    return read();
  } catch (const Error& error) {
    throw Error(error.code(),
                std::string("the checkpoint of learning cannot be used: ") + error.what(), "",
                "without the folder " + folder.string() + " learning starts anew");
  }
}

}  // namespace

LearnCheckpoint::LearnCheckpoint(fs::path folder, Json identity, Log log)
    : folder_(std::move(folder)), identity_(std::move(identity)), log_(std::move(log)) {}

fs::path LearnCheckpoint::part(uint64_t number) const {
  return folder_ / std::to_string(number);
}

std::optional<ckpt::Snapshot> LearnCheckpoint::find() {
  const fs::path current = folder_ / current_file;
  std::error_code ignored;
  if (!fs::exists(current, ignored)) return {};
  const Json json = Json::parse(io::read_text_file(current), nullptr, false);
  const bool whole = json.is_object() && json.contains("identity") && json.contains("number") &&
                     json.at("number").is_number_unsigned();
  if (!whole) {
    throw data_error("this is not the checkpoint of learning", current.string(),
                     "remove its folder, and learn anew");
  }
  if (json.at("identity") != identity_) {
    const fs::path aside = name_aside(folder_);
    fs::rename(folder_, aside);
    log_.warning("the checkpoint " + folder_.string() +
                 " is of other settings: learning starts anew, and it is kept as " +
                 aside.string());
    return {};
  }
  number_ = json.at("number");
  return read_from(folder_, [&] { return ckpt::read_snapshot(part(number_) / learner_file); });
}

void LearnCheckpoint::restore(Hub& hub) const {
  read_from(folder_, [&] { hub.load(part(number_)); });
}

std::vector<float> LearnCheckpoint::published(const ckpt::Snapshot& state) {
  const auto found =
      std::ranges::find(state.buffers, std::string(published_name), &ckpt::NamedBuffer::name);
  if (found != state.buffers.end()) return found->values;
  throw data_error("the checkpoint has no weights that were published", "learner.h5",
                   "remove its folder, and learn anew");
}

void LearnCheckpoint::save(const Hub& hub, Learner& learner, double seconds) {
  const fs::path next = part(number_ + 1);
  fs::remove_all(next);
  io::create_folder(next);
  ckpt::Snapshot state = learner.save();
  state.card["seconds"] = seconds;
  std::vector<float> published = hub.weights();
  state.buffers.push_back({published_name, {published.size()}, std::move(published)});
  ckpt::write_snapshot(next / learner_file, state);
  hub.save(next);
  const Json current = {{"number", number_ + 1}, {"identity", identity_}};
  io::write_text_file(folder_ / current_file, current.dump(1) + "\n");
  std::error_code ignored;  // it goes with the next save
  fs::remove_all(part(number_), ignored);
  ++number_;
}

void LearnCheckpoint::clear() const noexcept {
  std::error_code ignored;  // what stays is of a run that has ended
  fs::remove_all(folder_, ignored);
}

}  // namespace podium::learn
