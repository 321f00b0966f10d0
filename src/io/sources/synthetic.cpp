#include "io/sources/synthetic.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <numbers>

#include "core/error.hpp"
#include "core/hash.hpp"
#include "core/random.hpp"
#include "io/sources/labels.hpp"

namespace podium::io {
namespace {

constexpr const char* key = "--io.source";
constexpr const char* remedy =
    "write synthetic:N,H,W,C,classes with N up to 2^32 - 1, images up to 16 MiB, 2 to 256 classes "
    "and up to 256 MiB for one image of each, for instance synthetic:6000,28,28,1,10";
constexpr uint64_t generator_version = 1;  // raised when the same text gives other images
constexpr uint64_t image_bytes_limit = uint64_t{1} << 24;
constexpr uint64_t patterns_bytes_limit = uint64_t{1} << 28;  // of all classes: one image each
constexpr int waves_per_pattern = 4;
constexpr int noise_amplitude = 48;  // grey levels

[[noreturn]] void throw_syntax(const std::string& text, const char* what) {
  throw usage_error("'" + text + "' " + what, key, remedy);
}

// Patterns of all classes [classes,H,W,C], centred on 0, in grey levels.
std::vector<int8_t> make_patterns(const SyntheticOptions& options) {
  const ImageShape& shape = options.shape;
  std::vector<int8_t> patterns;
  patterns.reserve(options.classes * shape.bytes());
  for (uint64_t label = 0; label < options.classes; ++label) {
    std::array<std::array<double, 3>, waves_per_pattern> waves{};  // frequency y, x, phase
    Random random(options.seed, label, 1);
    for (auto& wave : waves) {
      wave = {random.uniform() * 6.0 - 3.0, random.uniform() * 6.0 - 3.0, random.uniform()};
    }
    for (uint64_t i = 0; i < shape.bytes(); ++i) {
      const uint64_t column = i / shape.channels % shape.width;
      const uint64_t row = i / shape.channels / shape.width;
      const auto channel = static_cast<double>(i % shape.channels);
      const double x = static_cast<double>(column) / static_cast<double>(shape.width);
      const double y = static_cast<double>(row) / static_cast<double>(shape.height);
      double value = 0.0;
      for (const auto& wave : waves) {
        const double turns = wave[0] * y + wave[1] * x + wave[2] + 0.25 * channel;
        value += std::sin(2.0 * std::numbers::pi * turns);
      }
      patterns.push_back(static_cast<int8_t>(std::lround(value / waves_per_pattern * 100.0)));
    }
  }
  return patterns;
}

class SyntheticSource;

class SyntheticStream final : public RecordStream {
 public:
  SyntheticStream(const SyntheticSource& source, Part part, uint64_t first)
      : source_(source), part_(part), next_(first) {}

  void read(std::span<uint8_t> images, std::span<uint8_t> labels) override;
  void finish() override;

 private:
  const SyntheticSource& source_;
  Part part_;
  uint64_t next_;
};

class SyntheticSource final : public Source {
 public:
  SyntheticSource(SourceInfo info, const SyntheticOptions& options)
      : Source(std::move(info)), options_(options), patterns_(make_patterns(options)) {}

  std::unique_ptr<RecordStream> open(Part part, uint64_t first) const override {
    return std::make_unique<SyntheticStream>(*this, part, first);
  }

  uint64_t digest() const override {
    const std::array<uint64_t, 7> identity{
        generator_version,       options_.records, options_.shape.height, options_.shape.width,
        options_.shape.channels, options_.classes, options_.seed};
    return xxh3(std::as_bytes(std::span(identity)));
  }

  uint8_t label(uint64_t record) const { return static_cast<uint8_t>(record % options_.classes); }

  // Eight pixels are made from each random number.
  void make_image(Part part, uint64_t record, std::span<uint8_t> image) const {
    const int8_t* pattern = patterns_.data() + label(record) * image.size();
    Random random(options_.seed, 2 + static_cast<uint64_t>(part), record);
    const int contrast = 96 + static_cast<int>(random.below(161));  // 96/256 to 1
    for (size_t begin = 0; begin < image.size(); begin += 8) {
      std::array<int8_t, 8> noise;
      const uint64_t bits = random.next();
      std::memcpy(noise.data(), &bits, sizeof bits);
      const size_t count = std::min<size_t>(8, image.size() - begin);
      for (size_t i = 0; i < count; ++i) {
        const int value =
            128 + (pattern[begin + i] * contrast + noise[i] * 2 * noise_amplitude) / 256;
        image[begin + i] = static_cast<uint8_t>(std::clamp(value, 0, 255));
      }
    }
  }

 private:
  SyntheticOptions options_;
  std::vector<int8_t> patterns_;
};

void SyntheticStream::read(std::span<uint8_t> images, std::span<uint8_t> labels) {
  const size_t image_bytes = source_.info().shape.bytes();
  require(images.size() == labels.size() * image_bytes &&
              next_ + labels.size() <= source_.info().records(part_),
          "a synthetic batch lies within its source", "SyntheticStream::read");
  for (size_t i = 0; i < labels.size(); ++i, ++next_) {
    labels[i] = source_.label(next_);
    source_.make_image(part_, next_, images.subspan(i * image_bytes, image_bytes));
  }
}

void SyntheticStream::finish() {
  require(next_ == source_.info().records(part_), "a synthetic stream ends at its last record",
          "SyntheticStream::finish");
}

}  // namespace

SyntheticOptions parse_synthetic(const std::string& text) {
  std::vector<uint64_t> numbers;
  const char* at = text.data() + std::strlen(synthetic_prefix);
  const char* end = text.data() + text.size();
  for (;;) {
    uint64_t number = 0;
    const auto [next, error] = std::from_chars(at, end, number);
    if (error != std::errc()) throw_syntax(text, "is not a list of numbers");
    numbers.push_back(number);
    if (next == end) break;
    if (*next != ',') throw_syntax(text, "is not a list of numbers");
    at = next + 1;
  }
  if (numbers.size() != 5 && numbers.size() != 6) throw_syntax(text, "has not 5 or 6 numbers");

  constexpr uint64_t side_limit = 1 << 14;
  for (const size_t i : {1, 2, 3}) {
    if (numbers[i] == 0 || numbers[i] > side_limit) throw_syntax(text, "has an impossible size");
  }
  SyntheticOptions options;
  options.records = numbers[0];
  options.shape = {numbers[1], numbers[2], numbers[3]};
  options.classes = numbers[4];
  options.seed = numbers.size() == 6 ? numbers[5] : 0;
  if (options.shape.bytes() > image_bytes_limit) throw_syntax(text, "has too large images");
  if (options.classes < 2 || options.classes > 256)
    throw_syntax(text, "has too few or many classes");
  if (options.shape.bytes() * options.classes > patterns_bytes_limit) {
    throw_syntax(text, "has too large images for so many classes");
  }
  if (options.records < options.classes || options.records >= uint64_t{1} << 32) {
    throw_syntax(text, "has too few or many records");
  }
  return options;
}

std::unique_ptr<Source> open_synthetic_source(const SyntheticOptions& options, std::string text) {
  SourceInfo info;
  info.name = "synthetic";
  info.location = text;
  info.text = std::move(text);
  info.shape = options.shape;
  info.class_names = numbered_classes(options.classes);
  info.train_records = options.records;
  info.test_records = std::max(options.classes, options.records / 10);
  return std::make_unique<SyntheticSource>(std::move(info), options);
}

}  // namespace podium::io
