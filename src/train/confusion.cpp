#include "train/confusion.hpp"

#include <algorithm>
#include <functional>
#include <numeric>

#include "comm/ring_allreduce.hpp"

namespace podium::train {
namespace {

std::optional<double> ratio(uint64_t part, uint64_t whole) {
  if (whole == 0) return {};
  return static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

void Confusion::add(const Confusion& other) {
  std::ranges::transform(counts_, other.counts_, counts_.begin(), std::plus<>());
}

void Confusion::sum_over(comm::Communicator& group) {
  std::vector<double> sums(counts_.begin(), counts_.end());
  comm::ring_allreduce(group, std::span<double>(sums));
  std::ranges::transform(sums, counts_.begin(),
                         [](double sum) { return static_cast<uint64_t>(sum); });
}

uint64_t Confusion::records() const {
  return std::accumulate(counts_.begin(), counts_.end(), uint64_t{0});
}

uint64_t Confusion::correct() const {
  uint64_t sum = 0;
  for (size_t label = 0; label < classes_; ++label) sum += count(label, label);
  return sum;
}

double Confusion::accuracy() const {
  return ratio(correct(), records()).value_or(0.0);
}

ClassScores Confusion::scores(size_t label) const {
  uint64_t support = 0;
  uint64_t predicted = 0;
  for (size_t other = 0; other < classes_; ++other) {
    support += count(label, other);
    predicted += count(other, label);
  }
  const uint64_t hits = count(label, label);
  return {ratio(hits, predicted), ratio(hits, support), ratio(2 * hits, support + predicted),
          support};
}

std::optional<double> Confusion::macro_f1() const {
  double sum = 0;
  size_t present = 0;
  for (size_t label = 0; label < classes_; ++label) {
    const ClassScores of_class = scores(label);
    if (of_class.support == 0) continue;
    sum += *of_class.f1;
    ++present;
  }
  if (present == 0) return {};
  return sum / static_cast<double>(present);
}

size_t most_probable(std::span<const float> row) {
  return static_cast<size_t>(std::ranges::max_element(row) - row.begin());
}

}  // namespace podium::train
