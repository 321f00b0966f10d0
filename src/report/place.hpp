// Place: a value in the data that a page embeds, and the JSON pointer (RFC 6901) to it.
//
// Sections take every number they show from a Place, so that the page can name where it comes from.
// A view: the data must outlive it. What is not there is a Place as well, an empty one.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace podium::report {

using Json = nlohmann::ordered_json;

class Place {
 public:
  Place() = default;
  Place(const Json* value, std::string pointer) : value_(value), pointer_(std::move(pointer)) {}

  // Of an object or an array; empty where there is no such part.
  Place operator[](std::string_view key) const;
  Place operator[](const char* key) const { return (*this)[std::string_view(key)]; }
  Place operator[](size_t index) const;

  // Whether there is a value, and not null.
  explicit operator bool() const { return value_ != nullptr && !value_->is_null(); }
  // How many parts an object or an array has; 0 of anything else.
  size_t size() const { return value_ == nullptr || !value_->is_structured() ? 0 : value_->size(); }

  std::optional<double> number() const;
  double number_or(double other) const { return number().value_or(other); }
  // Of a text; `other` where there is none.
  std::string text(const std::string& other = "") const;
  bool truth() const { return value_ != nullptr && value_->is_boolean() && value_->get<bool>(); }

  // REQUIRES: not empty.
  const Json& json() const { return *value_; }
  const std::string& pointer() const { return pointer_; }

 private:
  const Json* value_ = nullptr;
  std::string pointer_;
};

// `key` as a part of a JSON pointer.
std::string pointer_part(std::string_view key);

}  // namespace podium::report
