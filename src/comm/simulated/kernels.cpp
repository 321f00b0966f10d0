// The loops of allreduce/kernels.hpp for simulated ranks: they compute, and let time pass as they
// would take on the simulated host, whose speed in flop/s stands for bytes that it adds a second.
#include "comm/allreduce/kernels.hpp"

#include <smpi/smpi.h>

#include <cstring>

namespace podium::comm {
namespace {

void let_time_pass(const Elements& values) {
  if (values.count > 0) smpi_execute_flops(static_cast<double>(values.bytes().size()));
}

template <typename T>
void add_as(const Elements& into, const std::byte* from) {
  T* to = reinterpret_cast<T*>(into.data);
  const T* values = reinterpret_cast<const T*>(from);
  for (size_t i = 0; i < into.count; ++i) to[i] += values[i];
}

template <typename T>
void scale_as(const Elements& to, const std::byte* from, double weight) {
  T* out = reinterpret_cast<T*>(to.data);
  const T* in = reinterpret_cast<const T*>(from);
  for (size_t i = 0; i < to.count; ++i) out[i] = static_cast<T>(weight) * in[i];
}

}  // namespace

void add(const Elements& into, const std::byte* from) {
  let_time_pass(into);
  if (into.type == ElementType::f32) {
    add_as<float>(into, from);
  } else {
    add_as<double>(into, from);
  }
}

void scale(const Elements& to, const std::byte* from, double weight) {
  if (weight == 1 && from == to.data) return;
  let_time_pass(to);
  if (to.type == ElementType::f32) {
    scale_as<float>(to, from, weight);
  } else {
    scale_as<double>(to, from, weight);
  }
}

void sum(const Elements& to, std::byte* copy, std::span<const std::byte* const> sources) {
  scale(to, sources[0], 1);
  for (const std::byte* source : sources.subspan(1)) add(to, source);
  if (copy != nullptr) std::memcpy(copy, to.data, to.bytes().size());
}

}  // namespace podium::comm
