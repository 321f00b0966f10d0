#include "learn/buffer_filter.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numeric>
#include <optional>

#include "core/error.hpp"

namespace podium::learn {
namespace {

constexpr size_t most_text_bytes = 4096;

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool is_letter(char c) {
  return c >= 'a' && c <= 'z';
}

}  // namespace

class BufferFilter::Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  std::vector<std::vector<Comparison>> parse() {
    if (text_.size() > most_text_bytes) fail("the text is longer than 4096 bytes");
    std::vector<std::vector<Comparison>> terms(1);
    while (true) {
      terms.back().push_back(comparison());
      skip_spaces();
      if (at_ == text_.size()) return terms;
      const size_t begin = at_;
      const std::string_view joint = word();
      if (joint == "or") {
        terms.emplace_back();
      } else if (joint != "and") {
        at_ = begin;
        fail("'and' or 'or' is missing between two comparisons");
      }
    }
  }

 private:
  Comparison comparison() {
    const Field compared = field();
    const Relation related = relation();
    return {compared, related, number()};
  }

  Field field() {
    skip_spaces();
    const size_t begin = at_;
    const std::string_view name = word();
    if (name == "reward") return Field::reward;
    if (name == "return") return Field::sum;
    if (name == "staleness") return Field::staleness;
    if (name == "explorer") return Field::explorer;
    if (name == "length") return Field::length;
    at_ = begin;
    fail("a comparison begins with reward, return, staleness, explorer or length");
  }

  Relation relation() {
    struct Sign {
      std::string_view text;
      Relation relation;
    };
    constexpr std::array<Sign, 6> signs{{{"<=", Relation::at_most},
                                         {">=", Relation::at_least},
                                         {"==", Relation::equal},
                                         {"!=", Relation::other},
                                         {"<", Relation::less},
                                         {">", Relation::more}}};
    skip_spaces();
    for (const Sign& sign : signs) {
      if (!text_.substr(at_).starts_with(sign.text)) continue;
      at_ += sign.text.size();
      return sign.relation;
    }
    fail("one of < <= > >= == != is missing");
  }

  double number() {
    skip_spaces();
    double value = 0;
    const char* const begin = text_.data() + at_;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
    if (error != std::errc() || !std::isfinite(value)) fail("a number is missing");
    at_ += static_cast<size_t>(end - begin);
    return value;
  }

  std::string_view word() {
    const size_t begin = at_;
    while (at_ < text_.size() && is_letter(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  }

  void skip_spaces() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }

  [[noreturn]] void fail(const char* what) const {
    throw usage_error(std::string("filter of the buffer: ") + what,
                      "character " + std::to_string(at_ + 1),
                      "write it as in: return > 0 and length >= 8");
  }

  std::string_view text_;
  size_t at_ = 0;
};

BufferFilter::BufferFilter(std::string_view text) : terms_(Parser(text).parse()) {}

double BufferFilter::value_of(Field field, const Experience& experience, uint64_t staleness) {
  switch (field) {
    case Field::reward:
      return experience.rewards.back();
    case Field::sum:
      return std::accumulate(experience.rewards.begin(), experience.rewards.end(), 0.0);
    case Field::staleness:
      return static_cast<double>(staleness);
    case Field::explorer:
      return experience.explorer;
    case Field::length:
      break;
  }
  return experience.steps;
}

bool BufferFilter::holds(double value, const Comparison& comparison) {
  switch (comparison.relation) {
    case Relation::less:
      return value < comparison.number;
    case Relation::at_most:
      return value <= comparison.number;
    case Relation::more:
      return value > comparison.number;
    case Relation::at_least:
      return value >= comparison.number;
    case Relation::equal:
      return value == comparison.number;
    case Relation::other:
      break;
  }
  return value != comparison.number;
}

bool BufferFilter::lets_pass(const Experience& experience, uint64_t staleness) const {
  return std::ranges::any_of(terms_, [&](const std::vector<Comparison>& term) {
    return std::ranges::all_of(term, [&](const Comparison& comparison) {
      return holds(value_of(comparison.field, experience, staleness), comparison);
    });
  });
}

}  // namespace podium::learn
