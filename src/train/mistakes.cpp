#include "train/mistakes.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "comm/gather.hpp"
#include "core/error.hpp"

namespace podium::train {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view digits = "0123456789abcdef";

std::string hexadecimal(std::span<const uint8_t> bytes) {
  std::string text;
  text.reserve(2 * bytes.size());
  for (const uint8_t byte : bytes) {
    text += digits[byte >> 4U];
    text += digits[byte & 15U];
  }
  return text;
}

std::vector<uint8_t> bytes_of(const std::string& text) {
  std::vector<uint8_t> bytes(text.size() / 2);
  for (size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<uint8_t>(16 * digits.find(text[2 * i]) + digits.find(text[2 * i + 1]));
  }
  return bytes;
}

// Whether `a` stands before `b`.
bool is_worse(const Mistake& a, const Mistake& b) {
  return a.probability != b.probability ? a.probability > b.probability : a.record < b.record;
}

// Means of squares of pixels of `image`; what is left over at the right and below falls away.
std::vector<uint8_t> reduced(std::span<const uint8_t> image, const io::ImageShape& from,
                             const io::ImageShape& to, size_t square) {
  std::vector<uint8_t> pixels(to.bytes());
  for (size_t i = 0; i < pixels.size(); ++i) {
    const size_t channel = i % to.channels;
    const size_t x = i / to.channels % to.width * square;
    const size_t y = i / to.channels / to.width * square;
    size_t sum = 0;
    for (size_t dy = 0; dy < square; ++dy) {
      for (size_t dx = 0; dx < square; ++dx) {
        sum += image[((y + dy) * from.width + x + dx) * from.channels + channel];
      }
    }
    pixels[i] = static_cast<uint8_t>(sum / (square * square));
  }
  return pixels;
}

}  // namespace

Mistakes::Mistakes(const io::ImageShape& shape) : shape_(shape) {
  const size_t longest = std::max(shape.height, shape.width);
  const size_t shortest = std::max<size_t>(1, std::min(shape.height, shape.width));
  square_ = std::clamp<size_t>((longest + longest_side - 1) / longest_side, 1, shortest);
  kept_shape_ = {shape.height / square_, shape.width / square_, shape.channels};
}

void Mistakes::add(Mistake mistake, std::span<const uint8_t> pixels) {
  require(pixels.size() == shape_.bytes(), "an image of another shape", "mistakes");
  if (list_.size() == most_kept && !is_worse(mistake, list_.back())) return;
  mistake.pixels = reduced(pixels, shape_, kept_shape_, square_);
  insert(std::move(mistake));
}

void Mistakes::gather(comm::Communicator& group) {
  const auto all = comm::gather_texts(group, to_json(*this).at("list").dump(), 0);
  list_.clear();
  for (const std::string& text : all) {
    for (const Json& entry : Json::parse(text)) {
      insert({entry.at("record"), entry.at("label"), entry.at("taken_for"), entry.at("probability"),
              bytes_of(entry.at("pixels"))});
    }
  }
}

void Mistakes::insert(Mistake mistake) {
  list_.insert(std::ranges::upper_bound(list_, mistake, is_worse), std::move(mistake));
  if (list_.size() > most_kept) list_.pop_back();
}

Json to_json(const Mistakes& mistakes) {
  Json list = Json::array();
  for (const Mistake& mistake : mistakes.list()) {
    list.push_back({{"record", mistake.record},
                    {"label", mistake.label},
                    {"taken_for", mistake.taken_for},
                    {"probability", mistake.probability},
                    {"pixels", hexadecimal(mistake.pixels)}});
  }
  const io::ImageShape& shape = mistakes.shape();
  return {{"shape", {shape.height, shape.width, shape.channels}}, {"list", std::move(list)}};
}

}  // namespace podium::train
