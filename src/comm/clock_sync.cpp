#include "comm/clock_sync.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <vector>

#include "comm/broadcast.hpp"
#include "comm/gather.hpp"

namespace podium::comm {
namespace {

constexpr int clock_tag = 1;
constexpr int round_trips = 64;

std::span<std::byte> bytes_of(std::array<int64_t, 1>& value) {
  return std::as_writable_bytes(std::span(value));
}

// Rank 0's side: says what time it is, as often as it is asked.
void answer(Communicator& group, int asker, const ClockUnderTest& clock) {
  std::array<int64_t, 1> now{};
  for (int i = 0; i < round_trips; ++i) {
    receive(group, bytes_of(now), asker, clock_tag);
    now[0] = clock.now_ns();
    send(group, bytes_of(now), asker, clock_tag);
  }
}

ClockOffset ask(Communicator& group, const ClockUnderTest& clock) {
  std::vector<RoundTrip> trips;
  std::array<int64_t, 1> theirs{};
  for (int i = 0; i < round_trips; ++i) {
    const int64_t sent_ns = clock.now_ns();
    send(group, bytes_of(theirs), 0, clock_tag);
    receive(group, bytes_of(theirs), 0, clock_tag);
    trips.push_back({sent_ns, theirs[0], clock.now_ns()});
  }
  return estimate_offset(trips);
}

}  // namespace

std::optional<ClockOffset> measure_clock(Communicator& group, const ClockUnderTest& clock) {
  using Json = nlohmann::json;
  const std::vector<std::string> told = gather_texts(group, clock.domain, 0);
  const Json domains = Json::parse(broadcast_text(group, Json(told).dump(), 0));
  std::optional<ClockOffset> measured;
  for (size_t rank = 1; rank < domains.size(); ++rank) {
    const auto first = std::find(domains.begin(), domains.end(), domains[rank]);
    if (static_cast<size_t>(first - domains.begin()) != rank) continue;
    if (group.rank() == 0) answer(group, static_cast<int>(rank), clock);
    if (group.rank() == static_cast<int>(rank)) measured = ask(group, clock);
  }
  return measured;
}

}  // namespace podium::comm
