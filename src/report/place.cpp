#include "report/place.hpp"

namespace podium::report {

std::string pointer_part(std::string_view key) {
  std::string part;
  for (const char c : key) part += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return part;
}

Place Place::operator[](std::string_view key) const {
  if (value_ == nullptr || !value_->is_object()) return {};
  const auto found = value_->find(std::string(key));
  if (found == value_->end()) return {};
  return {&*found, pointer_ + "/" + pointer_part(key)};
}

Place Place::operator[](size_t index) const {
  if (value_ == nullptr || !value_->is_array() || index >= value_->size()) return {};
  return {&(*value_)[index], pointer_ + "/" + std::to_string(index)};
}

std::optional<double> Place::number() const {
  if (value_ == nullptr || !value_->is_number()) return {};
  return value_->get<double>();
}

std::string Place::text(const std::string& other) const {
  return value_ != nullptr && value_->is_string() ? value_->get<std::string>() : other;
}

}  // namespace podium::report
