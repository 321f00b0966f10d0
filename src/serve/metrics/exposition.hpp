// Exposition: metrics in Prometheus' text format 0.0.4. Pure.
//
// https://prometheus.io/docs/instrumenting/exposition_formats/: a family has its HELP and TYPE
// once, before its samples, which stand together.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "serve/metrics/bounded_counts.hpp"

namespace podium::serve {

class Exposition {
 public:
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  static constexpr const char* content_type = "text/plain; version=0.0.4; charset=utf-8";

  // Begins a family; `type` is counter, gauge or histogram.
  void family(std::string_view name, std::string_view type, std::string_view help);
  // A sample of the family.
  void sample(double value, Labels labels = {});
  void histogram(const BoundedCounts& counts, Labels labels = {});

  std::string take() { return std::move(text_); }

 private:
  void line(std::string_view suffix, Labels labels, std::string_view bound, double value);

  std::string family_;
  std::string text_;
};

}  // namespace podium::serve
