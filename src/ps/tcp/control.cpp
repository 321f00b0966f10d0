#include "ps/tcp/control.hpp"

#include <nlohmann/json.hpp>
#include <sstream>
#include <type_traits>

#include "core/error.hpp"

namespace podium::ps {
namespace {

using Json = nlohmann::json;

constexpr const char* ticket_word = "podium-ps-1";

// The one table of what travels: each field under its name, for both directions.
template <typename Value, typename Kind>
concept Of = std::is_same_v<std::remove_const_t<Value>, Kind>;

void each_field(Of<RangeOptions> auto& value, auto visit) {
  visit("end", value.end);
  visit("lr_factor", value.lr_factor);
  visit("decay", value.decay);
}

void each_field(Of<OptimizerOptions> auto& value, auto visit) {
  visit("rule", value.rule);
  visit("lr", value.lr);
  visit("momentum", value.momentum);
  visit("nesterov", value.nesterov);
  visit("decay", value.weight_decay);
  visit("beta1", value.beta1);
  visit("beta2", value.beta2);
  visit("epsilon", value.epsilon);
  visit("ranges", value.ranges);
}

void each_field(Of<FilterOptions> auto& value, auto visit) {
  visit("key_caching", value.key_caching);
  visit("encoding", value.encoding);
  visit("significance", value.significance);
}

void each_field(Of<GroupOptions> auto& value, auto visit) {
  visit("servers", value.servers);
  visit("replicas", value.replicas);
  visit("consistency", value.consistency);
  visit("staleness", value.staleness);
  visit("optimizer", value.optimizer);
  visit("filters", value.filters);
  visit("split_values", value.split_values);
  visit("message_values", value.message_values);
  visit("patience_ms", value.patience);
  visit("retry_ms", value.retry);
}

void each_field(Of<NamedSize> auto& value, auto visit) {
  visit("name", value.name);
  visit("values", value.values);
  visit("row", value.row);
}

void each_field(Of<Setup> auto& value, auto visit) {
  visit("number", value.number);
  visit("buffers", value.buffers);
  visit("options", value.options);
}

void each_field(Of<Roster::Server> auto& value, auto visit) {
  visit("address", value.address);
  visit("alive", value.alive);
  visit("current", value.current);
}

void each_field(Of<Roster> auto& value, auto visit) {
  visit("view", value.view);
  visit("servers", value.servers);
  visit("workers", value.workers);
}

void each_field(Of<ServerReport> auto& value, auto visit) {
  visit("pushes", value.pushes);
  visit("pulls", value.pulls);
  visit("duplicates", value.duplicates);
  visit("late", value.late);
  visit("gaps", value.gaps);
  visit("refused", value.refused);
  visit("relayed", value.relayed);
  visit("bytes_in", value.bytes_in);
  visit("bytes_out", value.bytes_out);
  visit("waited_pulls", value.waited_pulls);
  visit("staleness", value.staleness);
}

template <typename Value>
concept HasFields = requires(Value& value) {
  each_field(value, [](const char*, auto&) {});
};

Json written(const auto& value);
void read(const Json& json, auto& value);

Json written(const std::chrono::milliseconds& value) {
  return value.count();
}
void read(const Json& json, std::chrono::milliseconds& value) {
  value = std::chrono::milliseconds(json.get<int64_t>());
}

template <HasFields Value>
Json written(const std::vector<Value>& values) {
  Json json = Json::array();
  for (const Value& value : values) json.push_back(written(value));
  return json;
}
template <HasFields Value>
void read(const Json& json, std::vector<Value>& values) {
  values.resize(json.size());
  for (size_t i = 0; i < values.size(); ++i) read(json.at(i), values[i]);
}

Json written(const auto& value) {
  if constexpr (HasFields<decltype(value)>) {
    Json json = Json::object();
    each_field(value, [&](const char* name, const auto& field) { json[name] = written(field); });
    return json;
  } else {
    return value;
  }
}
void read(const Json& json, auto& value) {
  if constexpr (HasFields<decltype(value)>) {
    each_field(value, [&](const char* name, auto& field) { read(json.at(name), field); });
  } else {
    json.get_to(value);
  }
}

template <typename Value>
Value parsed(std::string_view text, const char* what) {
  try {
    Value value;
    read(Json::parse(text), value);
    return value;
  } catch (const Json::exception& error) {
    throw data_error(std::string("this is no ") + what + ": " + error.what(), "parameter servers",
                     "run the same version of Podium everywhere");
  }
}

}  // namespace

std::string Ticket::text() const {
  std::ostringstream text;
  text << ticket_word << ' ' << address << ' ' << secret << ' ' << (shared_memory ? 1 : 0) << ' '
       << silence.count();
  return text.str();
}

Ticket parse_ticket(const std::string& text) {
  std::istringstream words(text);
  std::string word;
  Ticket ticket;
  int64_t silence_ms = 0;
  words >> word >> ticket.address >> ticket.secret >> ticket.shared_memory >> silence_ms;
  if (!words || word != ticket_word || silence_ms <= 0) {
    throw usage_error("this is no ticket of parameter servers", "join_group",
                      "give what ServerGroup::ticket() said, of the same version of Podium");
  }
  ticket.silence = std::chrono::milliseconds(silence_ms);
  return ticket;
}

WireOptions Ticket::wire() const {
  WireOptions options;
  options.secret = secret;
  options.shared_memory = shared_memory;
  options.silence = silence;
  options.stall = 12 * silence;
  return options;
}

std::string to_text(const Setup& setup) {
  return written(setup).dump();
}
std::string to_text(const Roster& roster) {
  return written(roster).dump();
}
std::string to_text(const ServerReport& report) {
  return written(report).dump();
}

Setup parse_setup(std::string_view text) {
  return parsed<Setup>(text, "setup");
}
Roster parse_roster(std::string_view text) {
  return parsed<Roster>(text, "roster");
}
ServerReport parse_report(std::string_view text) {
  return parsed<ServerReport>(text, "report");
}

void send_text(Station& station, Station::Peer to, Kind kind, std::string_view text,
               Header header) {
  Outgoing message;
  message.header = header;
  message.header.kind = kind;
  message.payload.push_back(std::as_bytes(std::span(text)));
  seal(message);
  station.send(to, message);
}

}  // namespace podium::ps
