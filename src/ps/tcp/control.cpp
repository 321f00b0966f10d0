#include "ps/tcp/control.hpp"

#include <nlohmann/json.hpp>
#include <sstream>

#include "core/error.hpp"

namespace podium::ps {
namespace {

using Json = nlohmann::json;

constexpr const char* ticket_word = "podium-ps-1";

template <typename Read>
auto read(std::string_view text, const char* what, Read read_json) {
  try {
    return read_json(Json::parse(text));
  } catch (const Json::exception& error) {
    throw data_error(std::string("this is no ") + what + ": " + error.what(), "parameter servers",
                     "run the same version of Podium everywhere");
  }
}

Json to_json(const OptimizerOptions& options) {
  Json ranges = Json::array();
  for (const RangeOptions& range : options.ranges) {
    ranges.push_back({range.end, range.lr_factor, range.decay});
  }
  return {{"rule", options.rule},
          {"lr", options.lr},
          {"momentum", options.momentum},
          {"nesterov", options.nesterov},
          {"decay", options.weight_decay},
          {"beta1", options.beta1},
          {"beta2", options.beta2},
          {"epsilon", options.epsilon},
          {"ranges", ranges}};
}

OptimizerOptions optimizer_of(const Json& json) {
  OptimizerOptions options;
  options.rule = json.at("rule");
  options.lr = json.at("lr");
  options.momentum = json.at("momentum");
  options.nesterov = json.at("nesterov");
  options.weight_decay = json.at("decay");
  options.beta1 = json.at("beta1");
  options.beta2 = json.at("beta2");
  options.epsilon = json.at("epsilon");
  for (const Json& range : json.at("ranges")) {
    options.ranges.push_back({range.at(0), range.at(1), range.at(2)});
  }
  return options;
}

Json to_json(const GroupOptions& options) {
  return {{"servers", options.servers},
          {"replicas", options.replicas},
          {"consistency", options.consistency},
          {"staleness", options.staleness},
          {"optimizer", to_json(options.optimizer)},
          {"key_caching", options.filters.key_caching},
          {"encoding", options.filters.encoding},
          {"significance", options.filters.significance},
          {"split_values", options.split_values},
          {"patience_ms", options.patience.count()},
          {"retry_ms", options.retry.count()}};
}

GroupOptions group_options_of(const Json& json) {
  GroupOptions options;
  options.servers = json.at("servers");
  options.replicas = json.at("replicas");
  options.consistency = json.at("consistency");
  options.staleness = json.at("staleness");
  options.optimizer = optimizer_of(json.at("optimizer"));
  options.filters.key_caching = json.at("key_caching");
  options.filters.encoding = json.at("encoding");
  options.filters.significance = json.at("significance");
  options.split_values = json.at("split_values");
  options.patience = std::chrono::milliseconds(json.at("patience_ms").get<int64_t>());
  options.retry = std::chrono::milliseconds(json.at("retry_ms").get<int64_t>());
  return options;
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
  Json buffers = Json::array();
  for (const NamedSize& buffer : setup.buffers) {
    buffers.push_back({buffer.name, buffer.values, buffer.row});
  }
  return Json{{"number", setup.number}, {"buffers", buffers}, {"options", to_json(setup.options)}}
      .dump();
}

Setup parse_setup(std::string_view text) {
  return read(text, "setup", [](const Json& json) {
    Setup setup;
    setup.number = json.at("number");
    for (const Json& buffer : json.at("buffers")) {
      setup.buffers.push_back({buffer.at(0), buffer.at(1), buffer.at(2)});
    }
    setup.options = group_options_of(json.at("options"));
    return setup;
  });
}

std::string to_text(const Roster& roster) {
  Json servers = Json::array();
  for (const Roster::Server& server : roster.servers) {
    servers.push_back({server.address, server.alive, server.current});
  }
  return Json{{"view", roster.view}, {"servers", servers}, {"workers", roster.workers}}.dump();
}

Roster parse_roster(std::string_view text) {
  return read(text, "roster", [](const Json& json) {
    Roster roster;
    roster.view = json.at("view");
    for (const Json& server : json.at("servers")) {
      roster.servers.push_back({server.at(0), server.at(1), server.at(2)});
    }
    roster.workers = json.at("workers").get<std::vector<uint32_t>>();
    return roster;
  });
}

std::string to_text(const ServerReport& report) {
  return Json{{"pushes", report.pushes},
              {"pulls", report.pulls},
              {"duplicates", report.duplicates},
              {"late", report.late},
              {"gaps", report.gaps},
              {"refused", report.refused},
              {"relayed", report.relayed},
              {"bytes_in", report.bytes_in},
              {"bytes_out", report.bytes_out},
              {"waited_pulls", report.waited_pulls},
              {"staleness", report.staleness}}
      .dump();
}

ServerReport parse_report(std::string_view text) {
  return read(text, "report", [](const Json& json) {
    ServerReport report;
    report.pushes = json.at("pushes");
    report.pulls = json.at("pulls");
    report.duplicates = json.at("duplicates");
    report.late = json.at("late");
    report.gaps = json.at("gaps");
    report.refused = json.at("refused");
    report.relayed = json.at("relayed");
    report.bytes_in = json.at("bytes_in");
    report.bytes_out = json.at("bytes_out");
    report.waited_pulls = json.at("waited_pulls");
    report.staleness = json.at("staleness").get<std::vector<uint64_t>>();
    return report;
  });
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
