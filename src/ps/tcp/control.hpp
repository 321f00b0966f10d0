// Control: what a group, its servers and its workers tell each other beside the messages of workers
// (message.hpp), as texts: JSON in their payloads.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "ps/keys.hpp"
#include "ps/link.hpp"
#include "ps/options.hpp"
#include "ps/roster.hpp"
#include "ps/server.hpp"
#include "ps/tcp/wire.hpp"

namespace podium::ps {

// Which group, and how to be one of it: what a ticket says, in one line.
struct Ticket {
  std::string address;
  std::string secret;
  bool shared_memory = true;
  std::chrono::milliseconds silence{5000};

  std::string text() const;
  WireOptions wire() const;
};
// Throws usage_error.
Ticket parse_ticket(const std::string& text);

// What a server is to be.
struct Setup {
  int number = 0;
  std::vector<NamedSize> buffers;
  GroupOptions options;
};
std::string to_text(const Setup& setup);
std::string to_text(const Roster& roster);
std::string to_text(const ServerReport& report);
// Throw data_error where the text is none of ours.
Setup parse_setup(std::string_view text);
Roster parse_roster(std::string_view text);
ServerReport parse_report(std::string_view text);

// Sends a message of `kind` with a text. `header`: what else it says.
void send_text(Station& station, Station::Peer to, Kind kind, std::string_view text,
               Header header = {});

}  // namespace podium::ps
