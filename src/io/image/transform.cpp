#include "io/image/transform.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <sstream>

#include "core/error.hpp"
#include "io/image/resize.hpp"

namespace podium::io {
namespace {

constexpr const char* key = "--io.transform";
constexpr uint64_t size_limit = 16384;
constexpr uint64_t result_limit = uint64_t{16} << 20;
constexpr uint64_t scratch_limit = uint64_t{64} << 20;
constexpr const char* steps_remedy =
    "steps are: resize H W, crop H W, pad N, grayscale, rgb; separate them by ;";

// ITU-R BT.601 in fractions of 2^16; they sum to one.
constexpr uint32_t red_share = 19595;
constexpr uint32_t green_share = 38470;
constexpr uint32_t blue_share = 7471;
constexpr int luma_bits = 16;

struct StepName {
  const char* name;
  size_t sizes;  // how many numbers follow the name
};

// In the order of Transform::Step::Kind.
constexpr std::array<StepName, 5> step_names{
    {{"resize", 2}, {"crop", 2}, {"pad", 1}, {"grayscale", 0}, {"rgb", 0}}};

// The words of one step, joined by single blanks: how messages quote it.
std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

Error step_error(const std::string& step, const std::string& reason, const std::string& remedy) {
  return usage_error(step + ": " + reason, key, remedy);
}

uint64_t parse_size(const std::string& step, const std::string& word) {
  uint64_t size = 0;
  const char* end = word.data() + word.size();
  const auto [parsed_end, error] = std::from_chars(word.data(), end, size);
  if (error != std::errc{} || parsed_end != end || size < 1 || size > size_limit) {
    throw step_error(step, "sizes are 1 to " + std::to_string(size_limit), steps_remedy);
  }
  return size;
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

void crop(const ImageShape& input, std::span<const uint8_t> image, const ImageShape& output,
          std::span<uint8_t> result) {
  const size_t top = (input.height - output.height) / 2;
  const size_t left = (input.width - output.width) / 2;
  const size_t row_bytes = output.width * output.channels;
  for (size_t y = 0; y < output.height; ++y) {
    const size_t from = ((top + y) * input.width + left) * input.channels;
    std::memcpy(result.data() + y * row_bytes, image.data() + from, row_bytes);
  }
}

void pad(const ImageShape& input, std::span<const uint8_t> image, size_t border,
         const ImageShape& output, std::span<uint8_t> result) {
  std::fill(result.begin(), result.end(), uint8_t{0});
  const size_t row_bytes = input.width * input.channels;
  for (size_t y = 0; y < input.height; ++y) {
    const size_t to = ((border + y) * output.width + border) * output.channels;
    std::memcpy(result.data() + to, image.data() + y * row_bytes, row_bytes);
  }
}

void to_gray(std::span<const uint8_t> image, std::span<uint8_t> result) {
  const uint8_t* pixel = image.data();
  for (uint8_t& gray : result) {
    const uint32_t sum = red_share * pixel[0] + green_share * pixel[1] + blue_share * pixel[2];
    gray = static_cast<uint8_t>((sum + (1U << (luma_bits - 1))) >> luma_bits);
    pixel += 3;
  }
}

void to_rgb(std::span<const uint8_t> image, std::span<uint8_t> result) {
  uint8_t* pixel = result.data();
  for (const uint8_t gray : image) {
    std::fill_n(pixel, 3, gray);
    pixel += 3;
  }
}

}  // namespace

Transform Transform::parse(const std::string& text) {
  Transform transform;
  if (words_of(text).empty()) return transform;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(';', begin), text.size());
    const std::vector<std::string> words = words_of(text.substr(begin, end - begin));
    if (words.empty()) throw usage_error("an empty step in '" + text + "'", key, steps_remedy);
    const std::string step = joined(words);
    const auto* const known =
        std::find_if(step_names.begin(), step_names.end(),
                     [&](const StepName& candidate) { return words[0] == candidate.name; });
    if (known == step_names.end()) throw step_error(step, "no such step", steps_remedy);
    if (words.size() != 1 + known->sizes) {
      throw step_error(step, "takes " + std::to_string(known->sizes) + " sizes", steps_remedy);
    }
    Step parsed{static_cast<Step::Kind>(known - step_names.begin())};
    if (known->sizes > 0) parsed.first = parse_size(step, words[1]);
    if (known->sizes > 1) parsed.second = parse_size(step, words[2]);
    transform.steps_.push_back(parsed);
    begin = end + 1;
  }
  return transform;
}

std::string Transform::Step::text() const {
  const StepName& name = step_names.at(static_cast<size_t>(kind));
  std::string text = name.name;
  if (name.sizes > 0) text += " " + std::to_string(first);
  if (name.sizes > 1) text += " " + std::to_string(second);
  return text;
}

std::string Transform::text() const {
  std::string text;
  for (const Step& step : steps_) text += (text.empty() ? "" : "; ") + step.text();
  return text;
}

ImageShape Transform::Step::output(const ImageShape& input) const {
  switch (kind) {
    case Kind::resize:
      return {first, second, input.channels};
    case Kind::crop:
      if (input.height < first || input.width < second) {
        throw step_error(text(), "the image is only " + shape_text(input), "resize or pad first");
      }
      return {first, second, input.channels};
    case Kind::pad:
      return {input.height + 2 * first, input.width + 2 * first, input.channels};
    case Kind::grayscale:
    case Kind::rgb:
      if (input.channels != 1 && input.channels != 3) {
        throw step_error(text(), "the image is " + shape_text(input) + ", not of 1 or 3 channels",
                         "leave the step out");
      }
      return {input.height, input.width, kind == Kind::rgb ? size_t{3} : size_t{1}};
  }
  throw internal_error("a step of no kind", "Transform");
}

ImageShape Transform::output(const ImageShape& input) const {
  ImageShape shape = input;
  for (const Step& step : steps_) {
    const ImageShape result = step.output(shape);
    if (result.bytes() > result_limit) {
      throw step_error(step.text(), "makes images of more than 16 MiB: " + shape_text(result),
                       "choose smaller sizes");
    }
    if (step.kind == Step::Kind::resize && resize_scratch_bytes(shape, result) > scratch_limit) {
      throw step_error(step.text(),
                       "needs more than 64 MiB in between for an image of " + shape_text(shape),
                       "resize in two steps, the height first");
    }
    shape = result;
  }
  return shape;
}

void Transform::Step::apply(const ImageShape& input, std::span<const uint8_t> image,
                            const ImageShape& output, std::span<uint8_t> result) const {
  if (input == output && kind != Kind::resize) {
    std::copy(image.begin(), image.end(), result.begin());
  } else if (kind == Kind::resize) {
    resize(input, image, output, result);
  } else if (kind == Kind::crop) {
    crop(input, image, output, result);
  } else if (kind == Kind::pad) {
    pad(input, image, first, output, result);
  } else if (kind == Kind::grayscale) {
    to_gray(image, result);
  } else {
    to_rgb(image, result);
  }
}

void Transform::apply(const ImageShape& input, std::span<const uint8_t> image,
                      std::span<uint8_t> result) const {
  require(image.size() == input.bytes() && result.size() == output(input).bytes(),
          "a transform gets spans of its shapes", "Transform::apply");
  if (steps_.empty()) std::copy(image.begin(), image.end(), result.begin());
  ImageShape shape = input;
  std::vector<uint8_t> previous;  // owns `image` from the second step on
  for (const Step& step : steps_) {
    const bool last = &step == &steps_.back();
    const ImageShape next = step.output(shape);
    std::vector<uint8_t> made(last ? 0 : next.bytes());
    step.apply(shape, image, next, last ? result : std::span<uint8_t>(made));
    previous = std::move(made);
    image = previous;
    shape = next;
  }
}

}  // namespace podium::io
