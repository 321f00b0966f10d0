// What workers read: at once where the consistency allows it, otherwise when it does. An answer
// says which steps its values hold whole, so every reader knows how old they are.
#include <algorithm>

#include "ps/server_state.hpp"

namespace podium::ps {
namespace {

constexpr size_t max_age = 1023;  // greater ages are counted there

// The steps that the reader has finished.
uint32_t clock_of(const Header& header) {
  return header.clock + (header.has(Flag::ticks) ? 1 : 0);
}

}  // namespace

bool Server::State::allows(const Home& home, const Header& header) const {
  if (header.worker == observer) return true;
  const uint64_t ended = by_step() ? home.ended : home.members.slowest();
  switch (options.consistency) {
    case Consistency::bsp:
      return ended >= clock_of(header);
    case Consistency::ssp:
      return ended + options.staleness >= clock_of(header);
    case Consistency::asp:
      break;
  }
  return true;
}

void Server::State::pull(const Incoming& message) {
  const Header& header = message.header;
  Home* home = held(header.home);
  if (home == nullptr || !home->answers) {
    seal(reply(Kind::moved, header));
    return;
  }
  if (header.worker != observer) {
    Member* member = home->members.find(header.worker);
    if (member == nullptr || !member->greeted) {
      if (member != nullptr && member->counts) return;  // its hello is still to come
      refuse(header, "worker " + std::to_string(header.worker) + " does not take part");
      return;
    }
    if (header.sequence > member->sequence) {
      ++report.gaps;  // it is to see a push that has not come
      return;
    }
    lift(*home, *member, header.clock);
  }
  Body body;
  if (read_body(*home, message, body)) read(*home, header, message.segments, body.keys);
  release(*home);
}

void Server::State::read(Home& home, const Header& header, std::span<const Segment> segments,
                         std::span<const uint32_t> keys) {
  if (allows(home, header)) {
    answer_values(home, header, segments, keys);
    return;
  }
  const bool waits = std::any_of(home.waiting.begin(), home.waiting.end(), [&](const Asked& asked) {
    return asked.header.worker == header.worker && asked.header.ticket == header.ticket;
  });
  if (waits) return;
  ++report.waited_pulls;
  home.waiting.push_back({header, {segments.begin(), segments.end()}, {keys.begin(), keys.end()}});
}

void Server::State::answer_values(Home& home, const Header& header,
                                  std::span<const Segment> segments,
                                  std::span<const uint32_t> keys) {
  ++report.pulls;
  Outgoing& message = reply(Kind::values, header);
  message.header.clock = by_step() ? home.ended : home.members.slowest();
  if (header.worker != observer) {
    const uint32_t reader = clock_of(header);
    const size_t age = reader - std::min(reader, message.header.clock);
    report.staleness.resize(std::max(report.staleness.size(), std::min(age, max_age) + 1));
    ++report.staleness[std::min(age, max_age)];
  }
  if (!header.has(Flag::sparse)) {
    for (const Segment& segment : segments) {
      message.payload.push_back(std::as_bytes(home.shard.values(segment, header.width)));
    }
    seal(message);
    return;
  }
  std::vector<float>& rows = answers.values();
  rows.resize(keys.size() * header.width);
  float* to = rows.data();
  for_each_range(segments, keys, header.width, [&](uint64_t first, uint64_t count) {
    const std::span<const float> values = home.shard.values({first, count});
    to = std::copy(values.begin(), values.end(), to);
  });
  message.payload.push_back(std::as_bytes(std::span(rows)));
  seal(message);
}

// Those who waited, and may read now.
void Server::State::release(Home& home) {
  if (home.waiting.empty()) return;
  std::erase_if(home.waiting, [&](const Asked& asked) {
    if (!allows(home, asked.header)) return false;
    answer_values(home, asked.header, asked.segments, asked.keys);
    return true;
  });
}

}  // namespace podium::ps
