#include "serve/protocol/pixels.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "serve/protocol/request_error.hpp"

namespace podium::serve {
namespace {

namespace dom = simdjson::dom;

RequestError bad(const std::string& message) {
  return {400, message};
}

constexpr const char* out_of_range = "has a pixel outside 0..255";

// Rounds as std::lround() does. REQUIRES: 0 <= value <= 255.
template <typename Float>
uint8_t rounded(Float value) {
  const auto whole = static_cast<int>(value);
  return static_cast<uint8_t>(whole + (value - Float(whole) >= Float(0.5) ? 1 : 0));
}

// Collects the numbers of nested arrays.
class Collector {
 public:
  Collector(size_t expected, bool fractions, const char* field)
      : fractions_(fractions), field_(field), values_(expected) {}

  void append(const dom::array& numbers) {
    for (const dom::element element : numbers) {
      switch (element.type()) {
        case dom::element_type::INT64:
          push(element.get_int64().value_unsafe());
          break;
        case dom::element_type::ARRAY:
          append(element.get_array().value_unsafe());
          break;
        case dom::element_type::DOUBLE:
          push(element.get_double().value_unsafe());
          break;
        case dom::element_type::UINT64:
          throw wrong(out_of_range);
        default:
          throw wrong("must be numbers, flat or in nested arrays");
      }
    }
  }

  std::vector<uint8_t> take() {
    if (count_ != values_.size()) {
      throw wrong("has " + std::to_string(count_) + " numbers, " + std::to_string(values_.size()) +
                  " are expected");
    }
    return std::move(values_);
  }

 private:
  void push(int64_t value) {
    if (value < 0 || value > 255) throw wrong(out_of_range);
    put(static_cast<uint8_t>(value));
  }

  void push(double value) {
    if (!fractions_) throw wrong("of UINT8 must be whole numbers");
    if (!(value >= 0 && value <= 255)) throw wrong(out_of_range);
    put(rounded(value));
  }

  void put(uint8_t value) {
    if (count_ == values_.size()) {
      throw wrong("has more than the " + std::to_string(count_) + " numbers expected");
    }
    values_[count_++] = value;
  }

  RequestError wrong(const std::string& how) const {
    return bad(std::string("'") + field_ + "' " + how);
  }

  bool fractions_;
  const char* field_;
  std::vector<uint8_t> values_;
  size_t count_ = 0;
};

}  // namespace

std::vector<uint8_t> pixels_of(const dom::array& numbers, Datatype datatype, size_t expected,
                               const char* field) {
  Collector collector(expected, datatype == Datatype::fp32, field);
  collector.append(numbers);
  return collector.take();
}

std::vector<uint8_t> pixels_of(std::string_view tensor, Datatype datatype) {
  if (datatype == Datatype::uint8) return {tensor.begin(), tensor.end()};
  std::vector<uint8_t> pixels(tensor.size() / sizeof(float));
  bool fit = true;
  for (size_t i = 0; i < pixels.size(); ++i) {
    float value;
    std::memcpy(&value, tensor.data() + i * sizeof(float), sizeof(float));
    const bool fits = value >= 0 && value <= 255;  // false for what is no number
    fit &= fits;
    pixels[i] = rounded(fits ? value : 0.0f);
  }
  if (!fit) throw bad(std::string("the binary data of 'image' ") + out_of_range);
  return pixels;
}

}  // namespace podium::serve
