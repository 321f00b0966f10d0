#include "learn/experience_codec.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <string>

#include "core/error.hpp"

namespace podium::learn {
namespace {

using Json = nlohmann::ordered_json;

static_assert(std::endian::native == std::endian::little, "bytes are copied as they are");

// A softmax in float may round the logarithm of a sure thing to a hair above 0.
constexpr float most_log_probability = 1e-3F;

constexpr size_t fixed_bytes = 4 * sizeof(uint64_t) + sizeof(double) + 2 * sizeof(int32_t);
constexpr size_t step_bytes = sizeof(int32_t) + 2 * sizeof(float) + sizeof(Ending);

[[noreturn]] void refuse(const std::string& what) {
  throw data_error("not an experience: " + what, "", "check who sent it");
}

uint64_t whole_number(const Json& head, const char* key) {
  const auto found = head.find(key);
  if (found == head.end() || !found->is_number_integer() ||
      (!found->is_number_unsigned() && found->get<int64_t>() < 0)) {
    refuse(std::string("'") + key + "' in its head is no whole number");
  }
  return found->get<uint64_t>();
}

size_t size_of(const Experience& experience) {
  return fixed_bytes + experience.observations.size() +
         static_cast<size_t>(experience.steps) * step_bytes;
}

class Writer {
 public:
  explicit Writer(std::vector<std::byte>& bytes) : bytes_(bytes) {}

  template <typename T>
  void value(const T& value) {
    values(std::span<const T>(&value, 1));
  }

  template <typename T>
  void values(std::span<const T> values) {
    const auto raw = std::as_bytes(values);
    bytes_.insert(bytes_.end(), raw.begin(), raw.end());
  }

 private:
  std::vector<std::byte>& bytes_;
};

class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  size_t left() const { return bytes_.size(); }

  template <typename T>
  T value() {
    T value{};
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }

  template <typename T>
  std::vector<T> values(size_t count) {
    const auto raw = take(count * sizeof(T));
    std::vector<T> values(count);
    if (count > 0) std::memcpy(values.data(), raw.data(), raw.size());
    return values;
  }

 private:
  std::span<const std::byte> take(size_t count) {
    if (count > bytes_.size()) refuse("its bytes end too early");
    const auto taken = bytes_.first(count);
    bytes_ = bytes_.subspan(count);
    return taken;
  }

  std::span<const std::byte> bytes_;
};

void write(const Experience& experience, Writer& writer) {
  require(experience.steps > 0, "an experience has steps", "experience_codec");
  writer.value(experience.id);
  writer.value(experience.rollout);
  writer.value(experience.version.number);
  writer.value(experience.version.made_at);
  writer.value(experience.priority);
  writer.value(static_cast<int32_t>(experience.explorer));
  writer.value(static_cast<int32_t>(experience.steps));
  writer.values(std::span(experience.observations));
  writer.values(std::span(experience.actions));
  writer.values(std::span(experience.log_probability));
  writer.values(std::span(experience.rewards));
  writer.values(std::span(experience.ends));
}

Experience read(Reader& reader, const ExperienceLimits& limits) {
  Experience experience;
  experience.id = reader.value<uint64_t>();
  experience.rollout = reader.value<uint64_t>();
  experience.version.number = reader.value<uint64_t>();
  experience.version.made_at = reader.value<uint64_t>();
  experience.priority = reader.value<double>();
  experience.explorer = reader.value<int32_t>();
  experience.steps = reader.value<int32_t>();
  if (experience.steps < std::max(1, limits.least_steps) || experience.steps > limits.most_steps) {
    refuse(std::to_string(experience.steps) + " steps");
  }
  const auto steps = static_cast<size_t>(experience.steps);
  experience.observations = reader.values<std::byte>((steps + 1) * limits.observation_bytes);
  experience.actions = reader.values<int32_t>(steps);
  experience.log_probability = reader.values<float>(steps);
  experience.rewards = reader.values<float>(steps);
  experience.ends = reader.values<Ending>(steps);
  return experience;
}

}  // namespace

void check(const Experience& experience, const ExperienceLimits& limits) {
  if (experience.steps < std::max(1, limits.least_steps) || experience.steps > limits.most_steps) {
    refuse(std::to_string(experience.steps) + " steps");
  }
  const auto steps = static_cast<size_t>(experience.steps);
  if (experience.observations.size() != (steps + 1) * limits.observation_bytes ||
      experience.actions.size() != steps || experience.log_probability.size() != steps ||
      experience.rewards.size() != steps || experience.ends.size() != steps) {
    refuse("its parts are not as long as its steps");
  }
  if (!std::isfinite(experience.priority)) refuse("its priority is not finite");
  for (size_t step = 0; step < steps; ++step) {
    if (experience.actions[step] < 0 || experience.actions[step] >= limits.actions) {
      refuse("action " + std::to_string(experience.actions[step]) + " of " +
             std::to_string(limits.actions));
    }
    const float log_probability = experience.log_probability[step];
    if (!std::isfinite(log_probability) || log_probability > most_log_probability) {
      refuse("a probability that is none");
    }
    if (std::isinf(experience.rewards[step])) refuse("a reward without end");
    if (experience.ends[step] > Ending::truncated) refuse("an unknown ending");
  }
}

PackedExperiences pack_experiences(std::span<const Experience> experiences) {
  PackedExperiences packed;
  size_t bytes = 0;
  for (const Experience& experience : experiences) bytes += size_of(experience);
  packed.bytes.reserve(bytes);
  Writer writer(packed.bytes);
  for (const Experience& experience : experiences) write(experience, writer);
  require(packed.bytes.size() == bytes, "the parts of an experience are as long as its steps",
          "experience_codec");
  packed.head = {{"experiences", experiences.size()}, {"bytes", bytes}};
  return packed;
}

size_t packed_bytes(const Json& head, const ExperienceLimits& limits) {
  const uint64_t bytes = whole_number(head, "bytes");
  if (bytes > limits.most_bytes) {
    refuse(std::to_string(bytes) + " bytes, more than " + std::to_string(limits.most_bytes));
  }
  return bytes;
}

std::vector<Experience> unpack_experiences(const Json& head, std::span<const std::byte> bytes,
                                           const ExperienceLimits& limits) {
  const uint64_t count = whole_number(head, "experiences");
  if (packed_bytes(head, limits) != bytes.size()) refuse("its head tells another length");
  if (count > bytes.size() / (fixed_bytes + step_bytes)) refuse("its bytes end too early");
  std::vector<Experience> experiences;
  experiences.reserve(count);
  Reader reader(bytes);
  for (uint64_t i = 0; i < count; ++i) {
    experiences.push_back(read(reader, limits));
    check(experiences.back(), limits);
  }
  if (reader.left() != 0) refuse(std::to_string(reader.left()) + " bytes too many");
  return experiences;
}

}  // namespace podium::learn
