#include "learn/hub_guests.hpp"

#include <algorithm>
#include <cstring>
#include <span>

#include "core/channel.hpp"
#include "core/error.hpp"
#include "core/sockets.hpp"
#include "core/text.hpp"
#include "learn/experience_codec.hpp"

namespace podium::learn {
namespace {

constexpr size_t most_first_bytes = 4096;  // of somebody not yet known
constexpr int most_strangers = 256;        // at once, beside the explorers
constexpr size_t most_spans = 1'000'000;   // of an explorer, for a picture

bool is_newer(const Version& one, const Version& other) {
  return one.number > other.number || one.made_at > other.made_at;
}

std::string name_of(const HubGuests::Guest& guest) {
  using Kind = HubGuests::Guest::Kind;
  if (guest.kind == Kind::explorer) return "explorer " + std::to_string(guest.number);
  return guest.kind == Kind::watcher ? "a rank" : "somebody";
}

}  // namespace

Buffer::Time hub_time() {
  return std::chrono::duration_cast<Buffer::Time>(SteadyClock::now().time_since_epoch());
}

HubGuests::HubGuests(const HubOptions& options, const std::string& secret,
                     const WeightsOut& weights, Desk& desk, Log log)
    : options_(options),
      secret_(secret),
      road_(weights),
      desk_(desk),
      log_(std::move(log)),
      next_number_(options.explorers) {}

// Who says nothing until it is given up must not use up all the open files of this process.
void HubGuests::add(FileDescriptor socket) {
  const auto strangers = std::ranges::count(guests_, Guest::Kind::stranger, &Guest::kind);
  if (strangers >= most_strangers + options_.explorers) return;
  guests_.push_back({.wire = std::make_unique<HubWire>(std::move(socket), most_first_bytes),
                     .heard = SteadyClock::now()});
}

void HubGuests::serve(Guest& guest) {
  guest.wire->flush();
  while (std::optional<HubWire::Message> message = guest.wire->receive()) {
    guest.heard = SteadyClock::now();
    try {
      hear(guest, *message);
    } catch (const Json::exception&) {
      guest.wire->close("it said what is no message");
    } catch (const Error& error) {
      if (error.code() != ExitCode::bad_data) throw;
      guest.wire->close(std::string("it sent what is no experience: ") + error.what());
    }
  }
}

void HubGuests::hear(Guest& guest, HubWire::Message& message) {
  switch (guest.kind) {
    case Guest::Kind::stranger:
      return greet(guest, message.head);
    case Guest::Kind::watcher:
      return hear_watcher(message.head);
    case Guest::Kind::explorer:
      return hear_explorer(guest, message);
  }
}

void HubGuests::greet(Guest& guest, const Json& head) {
  const std::string told = text_in(head, "secret");
  if (text_in(head, "podium") != "learn" || !is_secret(std::as_bytes(std::span(told)), secret_)) {
    return refuse(guest, "the secret is wrong");
  }
  if (head.contains("rank")) {
    guest.kind = Guest::Kind::watcher;
    return;
  }
  guest.serves = head.value("service", false);
  if (!guest.serves && text_in(head, "task") != options_.task) {
    return refuse(guest, "it is to explore something else than this job learns from");
  }
  const int asked = head.at("explorer").get<int>();
  if (asked >= options_.explorers) return refuse(guest, "there is no such explorer");
  if (Guest* before = asked < 0 ? nullptr : explorer(asked)) {
    before->wire->close("another process came in its place");
    leave(*before);
  }
  welcome(guest, asked < 0 ? next_number_++ : asked);
}

void HubGuests::welcome(Guest& guest, int number) {
  guest.kind = Guest::Kind::explorer;
  guest.number = number;
  guest.wire->accept_up_to(options_.limits.most_bytes);
  Json head = {{"welcome", number}, {"ticket", road_.ticket()}};
  if (guest.serves) {
    head["rollout"] = {{"experiences", options_.desk.pace.rollout},
                       {"steps", options_.limits.most_steps},
                       {"observation_bytes", options_.limits.observation_bytes},
                       {"actions", options_.limits.actions}};
  }
  guest.wire->send(head);
  ++past_.came;
  if (number >= options_.explorers) {
    log_.info(format("explorer %d, of another job, has joined", number));
  }
}

void HubGuests::refuse(Guest& guest, const std::string& why) {
  guest.wire->send({{"refused", why}});
  guest.wire->close("it was refused: " + why);
}

void HubGuests::hear_watcher(const Json& head) {
  if (head.contains("down")) down_.insert(head.at("down").get<int>());
  if (head.contains("stop")) stop_wanted_ = true;
}

void HubGuests::hear_explorer(Guest& guest, HubWire::Message& message) {
  const Json& head = message.head;
  if (head.contains("explored")) return take_rollout(guest, message);
  if (head.contains("ready") && !guest.ready) {
    guest.ready = true;
    guest.finds_weights = head.value("road", false);
    if (ended_) return guest.wire->send({{"end", true}});
    desk_.explorer_came(guest.number);
  } else if (head.contains("taken") && guest.ready) {
    note_taken(guest, version_from(head.at("taken")));
  }
}

void HubGuests::note_taken(Guest& guest, const Version& version) {
  if (is_newer(version, version_)) {
    return guest.wire->close("it says that it has weights which there are not");
  }
  guest.version = version;
  desk_.taken(guest.number, version);
}

void HubGuests::take_rollout(Guest& guest, HubWire::Message& message) {
  note_spent(guest, message.head);
  Explored explored;
  explored.rollout = message.head.at("explored").get<uint64_t>();
  explored.returns = message.head.at("returns").get<std::vector<double>>();
  explored.experiences = unpack_experiences(message.head, message.bytes, options_.limits);
  uint64_t place = 0;
  for (Experience& experience : explored.experiences) {  // what the hub knows better
    experience.id = explored.rollout * options_.desk.pace.rollout + place++;
    experience.explorer = guest.number;
    experience.rollout = explored.rollout;
    if (is_newer(experience.version, guest.version)) {
      return guest.wire->close("it explored by weights that it has not got");
    }
  }
  if (!desk_.explored(guest.number, std::move(explored), hub_time())) {
    guest.wire->close("it sent a rollout that was not ordered");
  }
}

void HubGuests::note_spent(Guest& guest, const Json& head) {
  const auto spent = head.at("spent").get<std::vector<double>>();
  if (spent.size() == guest.spent.size()) std::ranges::copy(spent, guest.spent.begin());
  std::vector<SpentSpan>& spans = past_.spans[guest.number];
  for (const SpentSpan& span : spans_from(head.value("spans", Json::array()))) {
    if (spans.size() < most_spans) spans.push_back(span);
  }
}

HubGuests::Guest* HubGuests::explorer(int number) {
  const auto found = std::ranges::find_if(guests_, [number](const Guest& guest) {
    return guest.kind == Guest::Kind::explorer && guest.number == number && guest.wire->open();
  });
  return found == guests_.end() ? nullptr : &*found;
}

void HubGuests::deliver() {
  for (Orders orders = desk_.take_orders(); !orders.empty(); orders = desk_.take_orders()) {
    for (const Order& each : orders) order(each);
  }
}

void HubGuests::order(const Order& order) {
  Guest* guest = explorer(order.explorer);
  if (guest == nullptr) return;  // it is buried soon, and the desk told
  if (order.what == Order::What::explore) {
    guest->wire->send({{"explore", order.rollout}});
  } else if (guest->finds_weights) {
    guest->wire->send({{"take", to_json(order.version)}});
  } else {
    guest->wire->send({{"take", to_json(version_)}}, bytes_);
  }
}

void HubGuests::bury() {
  const auto now = SteadyClock::now();
  for (Guest& guest : guests_) {
    const bool speaks = guest.kind != Guest::Kind::watcher;
    if (speaks && guest.wire->open() && guest.heard + options_.silence < now) {
      guest.wire->close(format("it was silent for %.0f s",
                               std::chrono::duration<double>(options_.silence).count()));
    }
    if (!guest.wire->open()) leave(guest);
  }
  std::erase_if(guests_, [](const Guest& guest) { return guest.left; });
}

// What an explorer was ordered is another's.
void HubGuests::leave(Guest& guest) {
  if (std::exchange(guest.left, true)) return;
  const bool explores = guest.kind == Guest::Kind::explorer;
  if (explores) {
    for (size_t i = 0; i < spent_kinds; ++i) past_.spent[i] += guest.spent[i];
    guest.spent = {};
    if (std::exchange(guest.ready, false)) desk_.explorer_left(guest.number);
    if (!ended_) ++past_.lost;
  }
  if (!ended_ && (explores || guest.wire->why() != "it has gone")) {
    log_.warning(name_of(guest) + " is no longer connected: " + guest.wire->why());
  }
}

void HubGuests::set_weights(const Version& version, std::span<const float> parameters) {
  const auto bytes = std::as_bytes(parameters);
  bytes_ = std::make_shared<std::vector<std::byte>>(bytes.begin(), bytes.end());
  version_ = version;
}

std::span<const float> HubGuests::weights() const {
  if (!bytes_) return {};
  return {reinterpret_cast<const float*>(bytes_->data()), bytes_->size() / sizeof(float)};
}

void HubGuests::end() {
  ended_ = true;
  for (Guest& guest : guests_) {
    if (guest.kind == Guest::Kind::explorer) guest.wire->send({{"end", true}});
  }
}

size_t HubGuests::ready() const {
  return static_cast<size_t>(
      std::ranges::count_if(guests_, [](const Guest& guest) { return guest.ready; }));
}

bool HubGuests::all_down() const {
  if (options_.explorers == 0) return false;  // those of other jobs may still come
  return down_.size() >= static_cast<size_t>(options_.explorers) && ready() == 0;
}

ExplorerReport HubGuests::report() const {
  ExplorerReport report = past_;
  for (const Guest& guest : guests_) {
    for (size_t i = 0; i < spent_kinds; ++i) report.spent[i] += guest.spent[i];
  }
  return report;
}

}  // namespace podium::learn
