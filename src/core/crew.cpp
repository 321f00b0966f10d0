#include "core/crew.hpp"

#include <poll.h>

#include <algorithm>

#include "core/cpu_time.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

namespace podium {
namespace {

using namespace std::chrono_literals;

constexpr auto send_limit = 10s;  // for a worker that reads nothing
constexpr auto rest_limit = 10s;  // for the rest of a message that has begun
constexpr auto end_grace = 500ms;

// Why a process ended.
std::string story_of(const WorkerExit& exit) {
  if (exit.status > 128) return format("killed by signal %d", exit.status - 128);
  return format("ended with status %d", exit.status);
}

bool is_readable(int descriptor) {
  pollfd entry{descriptor, POLLIN, 0};
  return ::poll(&entry, 1, 0) > 0;
}

}  // namespace

Crew::Crew(std::vector<CrewMember> members, Milliseconds silence, Log log)
    : silence_(silence), log_(std::move(log)) {
  for (CrewMember& member : members) places_.push_back({.member = std::move(member)});
}

Crew::~Crew() = default;

std::vector<CrewEvent> Crew::take(Milliseconds patience) {
  std::vector<CrewEvent> events;
  for (Place& place : places_) {
    if (!place.process && !place.down && SteadyClock::now() >= place.start_at) {
      start(place, &events);
    }
  }
  if (events.empty()) wait(patience);
  for (Place& place : places_) {
    if (place.process) listen(place, &events);
  }
  return events;
}

void Crew::send(int worker, int life, const Json& message) {
  const auto found =
      std::ranges::find(places_, worker, [](const Place& place) { return place.member.worker; });
  require(found != places_.end(), "a message goes to a worker of this rank", "Crew");
  if (!found->process || found->life != life) return;
  found->channel.send(message, send_limit);
  found->has_work = true;
  found->amid_work = false;
  found->heard = SteadyClock::now();
}

double Crew::cpu_s() const {
  double sum = 0;
  for (const Place& place : places_) {
    if (!place.member.counted) continue;
    sum += place.past_cpu_s + (place.process ? process_cpu_s(place.process->pid()) : 0);
  }
  return sum;
}

void Crew::end() {
  for (Place& place : places_) {
    if (place.process) place.past_cpu_s += process_cpu_s(place.process->pid());
    place.down = true;
    place.process.reset();
    place.channel.close();
  }
}

void Crew::start(Place& place, std::vector<CrewEvent>* events) {
  try {
    place.process.emplace(WorkerProcess::start(place.member.arguments));
  } catch (const Error& error) {
    log_.error(place.member.name + " cannot be started: " + error.what());
    return bury(place, events);
  }
  place.channel = {place.process->take_socket(), most_message_bytes};
  place.has_work = place.amid_work = false;
  place.heard = SteadyClock::now();
  ++place.life;
  events->push_back(event_of(place, CrewEvent::What::up));
}

CrewEvent Crew::event_of(const Place& place, CrewEvent::What what) {
  CrewEvent event;
  event.worker = place.member.worker;
  event.what = what;
  event.life = place.life;
  return event;
}

void Crew::wait(Milliseconds patience) const {
  std::vector<pollfd> entries;
  for (const Place& place : places_) {
    if (place.process) entries.push_back({place.channel.descriptor(), POLLIN, 0});
  }
  ::poll(entries.data(), entries.size(), static_cast<int>(patience.count()));
}

// Takes what has arrived; a worker whose socket has ended is buried.
void Crew::listen(Place& place, std::vector<CrewEvent>* events) {
  while (place.channel.open() && is_readable(place.channel.descriptor())) {
    std::optional<Json> message = place.channel.receive(rest_limit);
    if (!message) break;
    place.heard = SteadyClock::now();
    if (message->contains("done")) place.has_work = false;
    place.amid_work = place.has_work;
    events->push_back(event_of(place, CrewEvent::What::said));
    events->back().message = std::move(*message);
  }
  if (place.channel.open() && place.has_work && place.heard + silence_ < SteadyClock::now()) {
    log_.warning(place.member.name + format(" was silent for %.0f s and is killed",
                                            std::chrono::duration<double>(silence_).count()));
    place.channel.close();
  }
  if (!place.channel.open()) bury(place, events);
}

void Crew::bury(Place& place, std::vector<CrewEvent>* events) {
  std::string why = "could not be started";
  if (place.process) {
    place.past_cpu_s += process_cpu_s(place.process->pid());
    why = story_of(place.process->end(end_grace));
    place.process.reset();
  }
  const auto now = SteadyClock::now();
  const bool blameless = place.amid_work && place.member.work_may_kill;
  const std::optional<Restarts::Time> again = blameless ? now : place.restarts.died(now);
  place.down = !again;
  place.start_at = again.value_or(now);
  log_.warning(place.member.name + " is gone: " + why);
  if (place.down) {
    log_.error(place.member.name + " died five times within a minute and is left down");
  }
  events->push_back(event_of(place, place.down ? CrewEvent::What::down : CrewEvent::What::died));
  events->back().why = why;
}

}  // namespace podium
