#include "ps/keys.hpp"

#include <algorithm>

#include "core/error.hpp"

namespace podium::ps {
namespace {

constexpr int max_servers = 4096;

size_t total_of(const std::vector<NamedSize>& buffers) {
  size_t total = 0;
  for (const NamedSize& buffer : buffers) total += buffer.values;
  return total;
}

// Where a cut that would best be at `ideal` goes.
size_t cut_near(size_t ideal, const std::vector<NamedSize>& buffers, size_t split_values) {
  size_t begin = 0;
  for (const NamedSize& buffer : buffers) {
    const size_t end = begin + buffer.values;
    if (ideal < end) {
      const size_t inside = ideal - begin;
      if (buffer.values > split_values) {
        const size_t row = std::max<size_t>(1, buffer.row);
        return begin + inside / row * row;
      }
      return inside <= end - ideal ? begin : end;
    }
    begin = end;
  }
  return begin;
}

void check(const std::vector<NamedSize>& buffers, const GroupOptions& options) {
  if (options.servers < 1 || options.servers > max_servers) {
    throw usage_error(std::to_string(options.servers) + " parameter servers cannot be",
                      "ps.servers", "take 1 to " + std::to_string(max_servers));
  }
  if (options.replicas < 0 || options.replicas >= options.servers) {
    throw usage_error(std::to_string(options.replicas) + " backups of each range need more than " +
                          std::to_string(options.servers) + " servers",
                      "ps.replicas", "take fewer backups than servers");
  }
  if (total_of(buffers) == 0) {
    throw usage_error("there is nothing for parameter servers to hold", "parameters",
                      "give them at least one value");
  }
}

}  // namespace

KeyMap::KeyMap(std::vector<NamedSize> buffers, const GroupOptions& options)
    : buffers_(std::move(buffers)), replicas_(options.replicas) {
  check(buffers_, options);
  const size_t total = total_of(buffers_);
  const auto servers = static_cast<size_t>(options.servers);
  cuts_.push_back(0);
  for (size_t s = 1; s < servers; ++s) {
    const size_t ideal = total / servers * s + total % servers * s / servers;
    cuts_.push_back(std::max(cuts_.back(), cut_near(ideal, buffers_, options.split_values)));
  }
  cuts_.push_back(total);
}

Segment KeyMap::range_of(int server) const {
  const auto s = static_cast<size_t>(server);
  return {cuts_[s], cuts_[s + 1] - cuts_[s]};
}

Segment KeyMap::part_of(int server, size_t first, size_t count) const {
  const Segment range = range_of(server);
  const size_t begin = std::max<size_t>(first, range.first);
  const size_t end = std::min<size_t>(first + count, range.first + range.count);
  return begin < end ? Segment{begin, end - begin} : Segment{first, 0};
}

bool KeyMap::holds(int server, int home) const {
  return (server - home + servers()) % servers() <= replicas_;
}

int KeyMap::serving(int home, const std::vector<bool>& usable) const {
  for (int step = 0; step <= replicas_; ++step) {
    const int server = (home + step) % servers();
    if (usable[static_cast<size_t>(server)]) return server;
  }
  return -1;
}

}  // namespace podium::ps
