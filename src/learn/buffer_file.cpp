// A buffer as a file, and back: docs/formats.md has the grammar. Small numbers of each experience
// stand in one table, a row each, and its steps in columns behind those of the one before.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "io/files/hdf5_file.hpp"
#include "io/files/seal.hpp"
#include "learn/buffer.hpp"
#include "learn/experience_codec.hpp"

namespace podium::learn {
namespace {

using Json = nlohmann::ordered_json;

constexpr io::Schema buffer_schema{"podium.buffer", 1, "begin without it"};
constexpr uint64_t overhead_bytes = 65536;  // texts and headers

// What a row of `entries` holds, each as two words, the low one first.
enum Field : size_t {
  id,
  rollout,
  version,
  made_at,
  priority,  // its bits
  explorer,
  steps,
  observation_bytes,  // of all its observations
  uses,
  place,
  left_ms,  // of its rewards' time
  rested,
  field_count,
};
constexpr size_t row_words = 2 * field_count;

constexpr const char* field_names[] = {"id",       "rollout",  "version", "made_at",
                                       "priority", "explorer", "steps",   "observation_bytes",
                                       "uses",     "place",    "left_ms", "rested"};
static_assert(std::size(field_names) == field_count);

struct Columns {
  std::vector<uint32_t> entries;  // [n, row_words]
  std::vector<uint32_t> gone;     // [m, 2]
  std::vector<uint8_t> observations;
  std::vector<uint32_t> actions;
  std::vector<float> log_probability;
  std::vector<float> rewards;
  std::vector<uint8_t> ends;

  uint64_t bytes() const {
    return 4 * (entries.size() + gone.size() + actions.size() + log_probability.size() +
                rewards.size()) +
           observations.size() + ends.size();
  }
};

void add_words(std::vector<uint32_t>& words, uint64_t value) {
  words.push_back(static_cast<uint32_t>(value));
  words.push_back(static_cast<uint32_t>(value >> 32));
}

uint64_t word_pair(const std::vector<uint32_t>& words, size_t pair) {
  return words[2 * pair] | uint64_t{words[2 * pair + 1]} << 32;
}

template <typename To, typename From>
void append(std::vector<To>& column, const std::vector<From>& values) {
  for (const From value : values) column.push_back(static_cast<To>(value));
}

template <typename T>
void write_column(io::Hdf5File& file, const char* name, const std::vector<T>& values,
                  uint64_t row_elements = 1) {
  std::vector<uint64_t> shape{values.size() / row_elements};
  if (row_elements > 1) shape.push_back(row_elements);
  file.create_dataset<T>(name, shape, 0).write(0, std::span<const T>(values));
}

[[noreturn]] void refuse(const std::filesystem::path& path, const char* what) {
  throw data_error(std::string("not a buffer: ") + what, path.string(), buffer_schema.remedy);
}

template <typename T>
std::vector<T> read_column(const io::Hdf5File& file, const char* name,
                           const std::filesystem::path& path, uint64_t row_elements = 1) {
  const io::Hdf5Dataset dataset = file.dataset<T>(name);
  const size_t dimensions = row_elements > 1 ? 2 : 1;
  if (dataset.shape().size() != dimensions || dataset.row_elements() != row_elements) {
    refuse(path, "a column has another shape");
  }
  std::vector<T> values(dataset.rows() * row_elements);
  dataset.read(0, std::span<T>(values));
  return values;
}

Columns read_columns(const io::Hdf5File& file, const std::filesystem::path& path) {
  Columns columns;
  columns.entries = read_column<uint32_t>(file, "entries", path, row_words);
  columns.gone = read_column<uint32_t>(file, "gone", path, 2);
  columns.observations = read_column<uint8_t>(file, "observations", path);
  columns.actions = read_column<uint32_t>(file, "actions", path);
  columns.log_probability = read_column<float>(file, "log_probability", path);
  columns.rewards = read_column<float>(file, "rewards", path);
  columns.ends = read_column<uint8_t>(file, "ends", path);
  return columns;
}

Json as_json(const BufferCounts& counts) {
  Json json{{"put", counts.put},
            {"drawn", counts.drawn},
            {"used_up", counts.used_up},
            {"filtered", counts.filtered},
            {"too_stale", counts.too_stale},
            {"unrewarded", counts.unrewarded},
            {"evicted", counts.evicted},
            {"duplicates", counts.duplicates}};
  json["staleness"] = counts.staleness;  // pairs
  json["uses"] = counts.uses;
  return json;
}

BufferCounts counts_from(const Json& json) {
  BufferCounts counts;
  counts.put = json.at("put");
  counts.drawn = json.at("drawn");
  counts.used_up = json.at("used_up");
  counts.filtered = json.at("filtered");
  counts.too_stale = json.at("too_stale");
  counts.unrewarded = json.at("unrewarded");
  counts.evicted = json.at("evicted");
  counts.duplicates = json.at("duplicates");
  json.at("staleness").get_to(counts.staleness);
  json.at("uses").get_to(counts.uses);
  return counts;
}

// Takes the steps of one experience after the other from the columns.
class Steps {
 public:
  Steps(const Columns& columns, const std::filesystem::path& path)
      : columns_(columns), path_(path) {}

  void fill(Experience& experience, uint64_t observation_bytes) {
    const auto count = static_cast<uint64_t>(experience.steps);
    const uint64_t left = columns_.actions.size() - step_;
    const uint64_t left_bytes = columns_.observations.size() - byte_;
    if (columns_.log_probability.size() != columns_.actions.size() ||
        columns_.rewards.size() != columns_.actions.size() ||
        columns_.ends.size() != columns_.actions.size() || count > left ||
        observation_bytes > left_bytes) {
      refuse(path_, "its columns are too short");
    }
    take(columns_.observations, byte_, observation_bytes, experience.observations);
    take(columns_.actions, step_, count, experience.actions);
    take(columns_.log_probability, step_, count, experience.log_probability);
    take(columns_.rewards, step_, count, experience.rewards);
    take(columns_.ends, step_, count, experience.ends);
    step_ += count;
    byte_ += observation_bytes;
  }

  bool at_end() const {
    return step_ == columns_.actions.size() && byte_ == columns_.observations.size();
  }

 private:
  template <typename From, typename To>
  static void take(const std::vector<From>& column, uint64_t first, uint64_t count,
                   std::vector<To>& values) {
    values.reserve(count);
    for (uint64_t i = first; i < first + count; ++i) values.push_back(static_cast<To>(column[i]));
  }

  const Columns& columns_;
  const std::filesystem::path& path_;
  uint64_t step_ = 0;
  uint64_t byte_ = 0;
};

}  // namespace

// What Buffer::save() and load() do; the one that sees inside.
class BufferFile {
 public:
  using Time = Buffer::Time;

  static Columns columns_of(const Buffer& buffer, Time now) {
    std::vector<uint64_t> ids;
    for (const auto& [id, entry] : buffer.entries_) ids.push_back(id);
    std::ranges::sort(ids);  // equal content gives equal bytes
    Columns columns;
    for (const uint64_t id : ids) add(columns, buffer.entries_.at(id), now);
    for (const uint64_t id : buffer.gone_.in_order()) add_words(columns.gone, id);
    return columns;
  }

  static Json card_of(const Buffer& buffer) {
    Json card{{"fields", Json::array()}, {"draws", buffer.draws_}, {"updates", buffer.updates_}};
    for (const char* name : field_names) card["fields"].push_back(name);
    card["counts"] = as_json(buffer.counts_);
    return card;
  }

  static void fill(Buffer& buffer, const Json& card, const Columns& columns,
                   const std::filesystem::path& path, Time now) {
    const size_t count = columns.entries.size() / row_words;
    if (count > buffer.options_.capacity) {
      throw usage_error(
          "the buffer in " + path.string() + " holds " + std::to_string(count) + " experiences",
          "a capacity of " + std::to_string(buffer.options_.capacity),
          "give it the capacity that it was saved with");
    }
    buffer.draws_ = card.at("draws");
    buffer.updates_ = card.at("updates");
    buffer.counts_ = counts_from(card.at("counts"));
    for (size_t i = 0; i < columns.gone.size() / 2; ++i) {
      buffer.gone_.add(word_pair(columns.gone, i));
    }
    Steps steps(columns, path);
    for (size_t row = 0; row < count; ++row) enter(buffer, columns, row, steps, path, now);
    if (!steps.at_end()) refuse(path, "its columns are too long");
  }

 private:
  static void add(Columns& columns, const Buffer::Entry& entry, Time now) {
    const Experience& experience = entry.experience;
    std::array<uint64_t, field_count> row{};
    row[id] = experience.id;
    row[rollout] = experience.rollout;
    row[version] = experience.version.number;
    row[made_at] = experience.version.made_at;
    row[priority] = std::bit_cast<uint64_t>(experience.priority);
    row[explorer] = static_cast<uint64_t>(experience.explorer);
    row[steps] = static_cast<uint64_t>(experience.steps);
    row[observation_bytes] = experience.observations.size();
    row[uses] = static_cast<uint64_t>(experience.uses);
    row[place] = static_cast<uint64_t>(entry.place);
    row[left_ms] = static_cast<uint64_t>((entry.overdue - now).count());
    row[rested] = entry.rested;
    for (const uint64_t value : row) add_words(columns.entries, value);
    append(columns.observations, experience.observations);
    append(columns.actions, experience.actions);
    append(columns.log_probability, experience.log_probability);
    append(columns.rewards, experience.rewards);
    append(columns.ends, experience.ends);
  }

  static void enter(Buffer& buffer, const Columns& columns, size_t row, Steps& columns_left,
                    const std::filesystem::path& path, Time now) {
    const auto value = [&](Field field) {
      return word_pair(columns.entries, row * field_count + field);
    };
    constexpr uint64_t most_number = (uint64_t{1} << 31) - 1;
    if (value(steps) < 1 || value(steps) > most_number || value(uses) > most_number ||
        value(place) > static_cast<uint64_t>(Buffer::Place::cooling)) {
      refuse(path, "a number is out of range");
    }
    Buffer::Entry entry;
    Experience& experience = entry.experience;
    experience.id = value(id);
    experience.rollout = value(rollout);
    experience.version = {value(version), value(made_at)};
    experience.priority = std::bit_cast<double>(value(priority));
    experience.explorer = static_cast<int>(value(explorer));
    experience.steps = static_cast<int>(value(steps));
    experience.uses = static_cast<int>(value(uses));
    columns_left.fill(experience, value(observation_bytes));
    check_sound(experience, path);
    if (buffer.entries_.contains(experience.id)) refuse(path, "an id stands twice");
    entry.place = static_cast<Buffer::Place>(value(place));
    entry.overdue = now + Time(static_cast<int64_t>(value(left_ms)));
    entry.rested = value(rested);
    entry.awaited = static_cast<int>(
        std::ranges::count_if(experience.rewards, [](float reward) { return std::isnan(reward); }));
    if ((entry.awaited > 0) != (entry.place == Buffer::Place::waiting)) {
      refuse(path, "an experience is in the wrong place");
    }
    const bool used_up = experience.uses >= buffer.options_.reuse;  // it may be fewer now
    const uint64_t entered = experience.id;
    buffer.enter(std::move(entry));
    if (used_up) buffer.leave(entered, buffer.counts_.used_up);
  }

  // As far as it can be told without the environment.
  static void check_sound(const Experience& experience, const std::filesystem::path& path) {
    ExperienceLimits limits;
    const auto observations = static_cast<size_t>(experience.steps) + 1;
    limits.observation_bytes = experience.observations.size() / observations;
    limits.actions = std::numeric_limits<int>::max();
    limits.most_steps = std::numeric_limits<int>::max();
    try {
      check(experience, limits);
    } catch (const Error&) {
      refuse(path, "an experience of it is damaged");
    }
  }
};

void Buffer::save(const std::filesystem::path& path, Time now) const {
  const Columns columns = BufferFile::columns_of(*this, now);
  const std::string card = BufferFile::card_of(*this).dump();
  io::TemporaryFile temporary(path);
  io::Hdf5File file =
      io::Hdf5File::create(temporary, columns.bytes() + card.size() + overhead_bytes);
  file.write_attribute("schema", buffer_schema.name);
  file.write_attribute("version", std::to_string(buffer_schema.version));
  file.write_attribute("card", card);
  write_column(file, "entries", columns.entries, row_words);
  write_column(file, "gone", columns.gone, 2);
  write_column(file, "observations", columns.observations);
  write_column(file, "actions", columns.actions);
  write_column(file, "log_probability", columns.log_probability);
  write_column(file, "rewards", columns.rewards);
  write_column(file, "ends", columns.ends);
  file.close();
  io::seal_and_publish(temporary, buffer_schema);
}

void Buffer::load(const std::filesystem::path& path, Time now) {
  require(counts_.put == 0 && entries_.empty(), "a buffer that is loaded is new", "Buffer");
  io::verify_seal(path, buffer_schema);
  const io::Hdf5File file = io::Hdf5File::open(path);
  const Columns columns = read_columns(file, path);
  const std::string card = file.read_attribute("card");
  try {
    BufferFile::fill(*this, Json::parse(card), columns, path, now);
  } catch (const Json::exception& error) {
    refuse(path, error.what());
  }
}

}  // namespace podium::learn
