#include "ckpt/store.hpp"

#include <algorithm>
#include <charconv>
#include <functional>
#include <numeric>
#include <optional>

#include "core/error.hpp"
#include "core/hash.hpp"
#include "core/text.hpp"
#include "io/files/atomic_file.hpp"

namespace podium::ckpt {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr std::string_view prefix = "step-";
constexpr const char* remedy = "use an earlier checkpoint, or train the model again";

std::string stem_of(int64_t step) {
  return format("step-%09lld", static_cast<long long>(step));
}

// The step of "step-000001234…"; empty for other names.
std::optional<int64_t> step_of(const std::string& name) {
  if (!name.starts_with(prefix)) return {};
  int64_t step = 0;
  const char* begin = name.data() + prefix.size();
  const auto [end, error] = std::from_chars(begin, name.data() + name.size(), step);
  if (error != std::errc() || end == begin || step < 0) return {};
  return step;
}

struct File {
  fs::path path;
  int64_t step;
  bool marker;
};

// Markers and parts of all checkpoints in the folder, none when it is not there.
std::vector<File> files_of(const fs::path& folder) {
  std::vector<File> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const fs::path& path = entry.path();
    const auto step = step_of(path.filename().string());
    const bool marker = path.extension() == ".json";
    if (!step || (!marker && path.extension() != ".h5")) continue;
    if (marker && path.stem() != stem_of(*step)) continue;
    files.push_back({path, *step, marker});
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    throw io_error("cannot list the checkpoints", folder.string(), error.value());
  }
  return files;
}

void remove_quietly(const fs::path& path) {
  std::error_code ignored;  // the next call finds it again
  fs::remove(path, ignored);
}

void rename_file(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::rename(from, to, error);
  if (error) throw io_error("cannot rename", from.string(), error.value());
}

// One whole buffer, as far as its pieces have come.
struct Whole {
  NamedBuffer buffer;
  uint64_t count = 0;  // of its values when all are there
};

uint64_t count_of(const std::vector<uint64_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), uint64_t{1}, std::multiplies<>());
}

// Puts the buffers of parts, which come in order, together.
class Assembly {
 public:
  void add(Snapshot part, const fs::path& path) {
    const Json pieces = part.card.value("pieces", Json::object());
    for (NamedBuffer& buffer : part.buffers) {
      const auto piece = pieces.find(buffer.name);
      if (piece == pieces.end()) {
        const uint64_t count = buffer.values.size();
        wholes_.push_back({std::move(buffer), count});
      } else {
        add_piece(std::move(buffer), *piece, path);
      }
    }
    if (first_) card_ = std::move(part.card);
    first_ = false;
  }

  Snapshot finish(const fs::path& marker) {
    Snapshot snapshot{std::move(card_), {}};
    snapshot.card.erase("pieces");
    snapshot.card.erase("parts");
    for (Whole& whole : wholes_) {
      if (whole.buffer.values.size() != whole.count) {
        throw data_error("the buffer '" + whole.buffer.name + "' is incomplete", marker.string(),
                         remedy);
      }
      snapshot.buffers.push_back(std::move(whole.buffer));
    }
    return snapshot;
  }

 private:
  void add_piece(NamedBuffer piece, const Json& place, const fs::path& path) {
    const uint64_t first = place.at("first");
    if (first == 0) {
      std::vector<uint64_t> shape = place.at("shape");
      const uint64_t count = count_of(shape);
      wholes_.push_back({{piece.name, std::move(shape), {}}, count});
    }
    const auto named = [&](const Whole& whole) { return whole.buffer.name == piece.name; };
    const auto whole = std::ranges::find_if(wholes_, named);
    if (whole == wholes_.end() || whole->buffer.values.size() != first) {
      throw data_error("a piece of the buffer '" + piece.name + "' is out of place", path.string(),
                       remedy);
    }
    std::vector<float>& values = whole->buffer.values;
    values.insert(values.end(), piece.values.begin(), piece.values.end());
  }

  Json card_;
  std::vector<Whole> wholes_;
  bool first_ = true;
};

// A missing part is no fault of the file system: the checkpoint is not whole.
void check_part(const fs::path& path, const MarkedPart& part) {
  std::error_code error;
  if (fs::symlink_status(path, error).type() == fs::file_type::not_found) {
    throw data_error("a part of the checkpoint is missing", path.string(), remedy);
  }
  const io::Seal seal = read_snapshot_seal(path);
  if (seal.bytes != part.bytes || to_hex(seal.xxh3) != part.xxh3) {
    throw data_error("not the part that the checkpoint's marker names", path.string(), remedy);
  }
}

}  // namespace

void Store::open() const {
  io::create_folder(folder_);
  io::remove_stale_temporaries(folder_);
  const io::TemporaryFile probe(folder_ / "probe");
}

std::vector<int64_t> Store::steps() const {
  std::vector<int64_t> steps;
  for (const File& file : files_of(folder_)) {
    if (file.marker) steps.push_back(file.step);
  }
  std::ranges::sort(steps, std::greater<>());
  return steps;
}

fs::path Store::marker_path(int64_t step) const {
  return folder_ / (stem_of(step) + ".json");
}

fs::path Store::part_path(int64_t step, int part, int parts) const {
  const std::string which = parts == 1 ? "" : format("-%d-of-%d", part, parts);
  return folder_ / (stem_of(step) + which + ".h5");
}

Marker Store::read_marker(int64_t step) const {
  const fs::path path = marker_path(step);
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) {
    throw data_error("the checkpoint's marker is not a regular file", path.string(), "remove it");
  }
  Marker marker = parse_marker(io::read_text_file(path), path);
  if (marker.step == step && !marker.parts.empty()) return marker;
  throw data_error("the marker is of another checkpoint", path.string(), remedy);
}

Snapshot Store::read(int64_t step) const {
  const Marker marker = read_marker(step);
  Assembly assembly;
  for (const MarkedPart& part : marker.parts) {
    const fs::path path = folder_ / fs::path(part.file).filename();
    check_part(path, part);
    try {
      assembly.add(read_snapshot(path), path);
    } catch (const Json::exception& error) {
      throw data_error(std::string("the card's pieces are malformed: ") + error.what(),
                       path.string(), remedy);
    }
  }
  return assembly.finish(marker_path(step));
}

void Store::write_part(int64_t step, int part, int parts, const Json& card,
                       std::span<const NamedBuffer> buffers) const {
  write_snapshot(part_path(step, part, parts), card, buffers);
}

void Store::seal(Marker marker, int parts) const {
  marker.parts.clear();
  for (int part = 0; part < parts; ++part) {
    const fs::path path = part_path(marker.step, part, parts);
    const io::Seal seal = read_snapshot_seal(path);
    marker.parts.push_back({path.filename().string(), seal.bytes, to_hex(seal.xxh3)});
  }
  io::write_text_file(marker_path(marker.step), to_text(marker));
}

void Store::retain(const Retention& retention) const {
  const std::vector<File> files = files_of(folder_);
  std::vector<Marker> markers;
  std::set<int64_t> stay;
  for (const File& file : files) {
    if (!file.marker) continue;
    try {
      markers.push_back(read_marker(file.step));
    } catch (const Error&) {
      stay.insert(file.step);  // not ours to judge
    }
  }
  std::ranges::sort(markers, {}, &Marker::step);
  stay.merge(kept_steps(markers, retention));
  for (const bool marker : {true, false}) {
    for (const File& file : files) {
      if (file.marker == marker && !stay.contains(file.step)) remove_quietly(file.path);
    }
  }
  for (const Marker& marker : markers) {
    const auto named = [&](const File& file) {
      return std::ranges::count(marker.parts, file.path.filename().string(), &MarkedPart::file) > 0;
    };
    for (const File& file : files) {
      if (file.step == marker.step && !file.marker && !named(file)) remove_quietly(file.path);
    }
  }
}

void Store::move_refused(int64_t step) const {
  const fs::path refused = folder_ / "refused";
  std::vector<File> files = files_of(folder_);
  std::erase_if(files, [&](const File& file) { return file.step <= step; });
  if (files.empty()) return;
  io::create_folder(refused);
  for (const bool marker : {true, false}) {
    for (const File& file : files) {
      if (file.marker == marker) rename_file(file.path, refused / file.path.filename());
    }
  }
  io::sync_folder(folder_);
}

fs::path Store::name_aside() const {
  for (int number = 1;; ++number) {
    fs::path name = folder_;
    name += ".old-" + std::to_string(number);
    if (!fs::exists(fs::symlink_status(name))) return name;
  }
}

fs::path Store::set_aside() const {
  fs::path name = name_aside();
  rename_file(folder_, name);
  io::sync_folder(folder_.parent_path());
  io::create_folder(folder_);
  return name;
}

void Store::clear() const noexcept {
  try {
    const std::vector<File> files = files_of(folder_);
    for (const bool marker : {true, false}) {
      for (const File& file : files) {
        if (file.marker == marker) remove_quietly(file.path);
      }
    }
    io::remove_stale_temporaries(folder_);
    remove_quietly(folder_);  // stays when something else is in it
  } catch (const std::exception&) {
    return;  // what stays is gone on from, or refused, by the next run
  }
}

}  // namespace podium::ckpt
