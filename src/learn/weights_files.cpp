#include "learn/weights_files.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "ckpt/snapshot.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "io/files/atomic_file.hpp"

namespace podium::learn {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr const char* prefix = "weights-";
constexpr size_t kept = 2;  // who begins to read the newest can finish it

// The files of a folder by their version, the newest last.
std::map<uint64_t, fs::path> files_of(const fs::path& folder) {
  std::map<uint64_t, fs::path> files;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none)) {
    const std::string name = entry.path().filename().string();
    unsigned long long number = 0;
    int end = 0;
    if (std::sscanf(name.c_str(), "weights-%llu.h5%n", &number, &end) == 1 &&
        static_cast<size_t>(end) == name.size()) {
      files[number] = entry.path();
    }
  }
  return files;
}

class FilesOut : public WeightsOut {
 public:
  FilesOut(fs::path folder, const Policy& policy)
      : folder_(fs::absolute(folder)), card_(nn::to_json(policy.card())) {
    io::create_folder(folder_);
    // What an earlier job left: explorers of this one would take them for newer.
    for (const auto& [number, file] : files_of(folder_)) fs::remove(file);
  }

  void publish(const Version& version, std::span<const float> parameters) override {
    const Json card = {{"model", card_}, {"number", version.number}, {"made_at", version.made_at}};
    const ckpt::NamedBuffer buffer{
        "parameters", {parameters.size()}, {parameters.begin(), parameters.end()}};
    ckpt::write_snapshot(
        folder_ / format("%s%09llu.h5", prefix, static_cast<unsigned long long>(version.number)),
        card, std::span(&buffer, 1));
    std::map<uint64_t, fs::path> files = files_of(folder_);
    while (files.size() > kept) {
      std::error_code ignored;  // it goes with the next version
      fs::remove(files.begin()->second, ignored);
      files.erase(files.begin());
    }
  }

  Json ticket() const override { return {{"road", "files"}, {"folder", folder_.string()}}; }

 private:
  fs::path folder_;
  Json card_;
};

class FilesIn : public WeightsIn {
 public:
  explicit FilesIn(fs::path folder) : folder_(std::move(folder)) {}

  Version take(const Version& version, std::span<float> parameters,
               std::chrono::milliseconds limit) override {
    const Deadline deadline(limit);
    Backoff backoff(Backoff::Kind::idle);
    while (true) {
      const std::optional<Version> found = read(version, parameters);
      if (found) return *found;
      if (deadline.expired()) {
        throw unavailable_error(
            format("no checkpoint holds version %llu of the weights, or a newer one",
                   static_cast<unsigned long long>(version.number)),
            folder_.string(), "see whether the trainers still run, and can write there");
      }
      backoff.pause();
    }
  }

 private:
  // The newest, if it is new enough; empty also when it went while it was opened.
  std::optional<Version> read(const Version& version, std::span<float> parameters) const {
    const std::map<uint64_t, fs::path> files = files_of(folder_);
    if (files.empty() || files.rbegin()->first < version.number) return {};
    const fs::path& file = files.rbegin()->second;
    try {
      const ckpt::Snapshot snapshot = ckpt::read_snapshot(file);
      if (snapshot.buffers.size() != 1 ||
          snapshot.buffers.front().values.size() != parameters.size()) {
        throw data_error("these weights are of another policy", file.string(),
                         "use the same input file for all jobs");
      }
      std::ranges::copy(snapshot.buffers.front().values, parameters.begin());
      return Version{snapshot.card.at("number"), snapshot.card.at("made_at")};
    } catch (const Error& error) {
      if (error.code() == ExitCode::bad_data) throw;
      return {};
    }
  }

  fs::path folder_;
};

}  // namespace

std::unique_ptr<WeightsOut> write_weights(const fs::path& folder, const Policy& policy) {
  return std::make_unique<FilesOut>(folder, policy);
}

std::unique_ptr<WeightsIn> read_weights(const Json& ticket) {
  const fs::path folder = ticket.value("folder", "");
  std::error_code none;
  if (folder.empty() || !fs::is_directory(folder, none)) return nullptr;
  return std::make_unique<FilesIn>(folder);
}

}  // namespace podium::learn
