// Elements: numbers in memory, of a type that is known at run time: what AllReduce moves and adds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace podium::comm {

enum class ElementType : uint32_t { f32, f64 };

constexpr size_t bytes_of(ElementType type) {
  return type == ElementType::f32 ? sizeof(float) : sizeof(double);
}

constexpr const char* name_of(ElementType type) {
  return type == ElementType::f32 ? "float" : "double";
}

template <typename T>
constexpr ElementType element_type() {
  static_assert(std::is_same_v<T, float> || std::is_same_v<T, double>);
  return std::is_same_v<T, float> ? ElementType::f32 : ElementType::f64;
}

// A view; whoever gives it owns the memory.
struct Elements {
  std::byte* data = nullptr;
  size_t count = 0;
  ElementType type = ElementType::f32;

  std::span<std::byte> bytes() const { return {data, count * bytes_of(type)}; }
  Elements slice(size_t begin, size_t length) const {
    return {data + begin * bytes_of(type), length, type};
  }
  // The `index`th of `parts` almost equal parts; the first ones take what does not divide.
  Elements part(size_t index, size_t parts) const {
    const size_t whole = count / parts;
    const size_t rest = count % parts;
    const size_t begin = index * whole + (index < rest ? index : rest);
    return slice(begin, whole + (index < rest ? 1 : 0));
  }
};

template <typename T>
Elements elements(std::span<T> values) {
  return {reinterpret_cast<std::byte*>(values.data()), values.size(), element_type<T>()};
}

}  // namespace podium::comm
