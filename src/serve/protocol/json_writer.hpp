// JsonWriter: appends JSON text piece by piece, for replies whose wording must be cheap.
//
// Numbers come in their shortest form that reads back the same.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

namespace podium::serve {

class JsonWriter {
 public:
  explicit JsonWriter(size_t reserve_bytes) { out_.reserve(reserve_bytes); }

  JsonWriter& raw(std::string_view text) {
    out_.append(text);
    return *this;
  }

  // Quoted and escaped; bytes that are not UTF-8 are replaced.
  JsonWriter& text(std::string_view value) {
    const auto is_plain = [](char letter) {
      return letter >= ' ' && letter <= '~' && letter != '"' && letter != '\\';
    };
    if (std::ranges::all_of(value, is_plain)) return raw("\"").raw(value).raw("\"");
    using Json = nlohmann::json;
    return raw(Json(std::string(value)).dump(-1, ' ', false, Json::error_handler_t::replace));
  }

  template <typename Number>
  JsonWriter& number(Number value) {
    std::array<char, 32> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    out_.append(digits.data(), end);
    return *this;
  }

  // Milliseconds to the microsecond.
  JsonWriter& milliseconds(double value) { return number(std::round(value * 1e3) / 1e3); }

  size_t size() const { return out_.size(); }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

}  // namespace podium::serve
