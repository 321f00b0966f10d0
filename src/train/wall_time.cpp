#include "train/wall_time.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "comm/ring_allreduce.hpp"
#include "core/text.hpp"

namespace podium::train {
namespace {

constexpr std::array parts = {&WallTime::compute_s, &WallTime::data_wait_s,
                              &WallTime::exposed_comm_s, &WallTime::hidden_comm_s,
                              &WallTime::other_s};

}  // namespace

WallTime WallTime::filled_to(double wall_s) const {
  WallTime filled = *this;
  filled.other_s = std::max(0.0, wall_s - steps_s());
  return filled;
}

WallTime& WallTime::operator+=(const WallTime& more) {
  for (const auto part : parts) this->*part += more.*part;
  return *this;
}

WallTime WallTime::operator-(const WallTime& less) const {
  WallTime rest = *this;
  for (const auto part : parts) rest.*part -= less.*part;
  return rest;
}

std::vector<WallTime> share_wall_times(const WallTime& mine, comm::Communicator& group) {
  std::vector<WallTime> times(static_cast<size_t>(group.size()));
  std::vector<double> numbers(times.size() * parts.size());
  const size_t first = static_cast<size_t>(group.rank()) * parts.size();
  for (size_t i = 0; i < parts.size(); ++i) numbers[first + i] = mine.*parts[i];
  comm::ring_allreduce(group, std::span(numbers));
  for (size_t i = 0; i < numbers.size(); ++i) {
    times[i / parts.size()].*parts[i % parts.size()] = numbers[i];
  }
  return times;
}

WallTime mean_of(std::span<const WallTime> times) {
  WallTime mean;
  for (const WallTime& each : times) mean += each;
  for (const auto part : parts)
    mean.*part /= static_cast<double>(std::max<size_t>(1, times.size()));
  return mean;
}

nlohmann::ordered_json to_json(const WallTime& time) {
  return {{"wall_s", time.wall_s()},
          {"compute_s", time.compute_s},
          {"data_wait_s", time.data_wait_s},
          {"exposed_comm_s", time.exposed_comm_s},
          {"hidden_comm_s", time.hidden_comm_s},
          {"other_s", time.other_s}};
}

std::string to_text(const WallTime& time) {
  const double percent = time.wall_s() > 0 ? 100 / time.wall_s() : 0;
  return format(
      "%.1f s: %.1f %% compute, %.1f %% waiting for data, %.1f %% exposed and %.1f %% hidden "
      "communication, %.1f %% other",
      time.wall_s(), percent * time.compute_s, percent * time.data_wait_s,
      percent * time.exposed_comm_s, percent * time.hidden_comm_s, percent * time.other_s);
}

}  // namespace podium::train
