#include "ps/tcp/server_process.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "core/error.hpp"
#include "core/signals.hpp"
#include "core/sockets.hpp"
#include "ps/server_loop.hpp"
#include "ps/tcp/server_group.hpp"
#include "ps/tcp/socket.hpp"
#include "ps/tcp/tcp_station.hpp"

namespace podium::ps {
namespace {

using Milliseconds = std::chrono::milliseconds;

constexpr const char* server_word = "__ps_server";  // first argument of such a process
constexpr Milliseconds beginning{30'000};           // for the group to say what a server is to be
constexpr Milliseconds turn{100};

// The one line that start_server() wrote.
std::string line_from_group() {
  const FileDescriptor socket(worker_socket_fd);
  std::string line;
  char byte = 0;
  const auto end = SteadyClock::now() + beginning;
  while (wait_for(socket.get(), POLLIN, end) && ::read(socket.get(), &byte, 1) == 1) {
    if (byte == '\n') return line;
    line.push_back(byte);
  }
  throw unavailable_error("the group has said nothing", "a parameter server",
                          "start servers by ServerGroup");
}

class ServerProcess {
 public:
  ServerProcess(uint32_t number, const Ticket& ticket)
      : number_(number),
        station_(host_beside(parse_address(ticket.address).host) + ":0", ticket.wire()) {
    group_ = station_.connect(ticket.address, beginning);
    Header header;
    header.worker = number_;
    send_text(station_, group_, Kind::ready, station_.address(), header);
  }

  // Until the group goes.
  void serve() {
    await_setup();
    while (!over_) {
      loop_->run(turn);
      if (loop_ && server_->current() != told_current_) tell_seen();
    }
  }

 private:
  void await_setup() {
    const auto end = SteadyClock::now() + beginning;
    const Station::Events events{
        [this](Station::Peer peer, const Incoming& message) { other(peer, message); },
        [this](Station::Peer peer) { lost(peer); }};
    while (!server_ && !over_) {
      if (SteadyClock::now() > end) {
        throw unavailable_error("the group does not say what this server is to be",
                                "parameter server " + std::to_string(number_), "start again");
      }
      station_.run(turn, events);
    }
  }

  void lost(Station::Peer peer) {
    if (peer == group_) over_ = true;
  }

  // What is not a worker's or a server's message. Only the group gives orders.
  void other(Station::Peer peer, const Incoming& message) {
    if (peer != group_) return;
    if (message.header.kind == Kind::setup) set_up(message);
    if (message.header.kind == Kind::ping) send_text(station_, group_, Kind::pong, "");
    if (!server_) return;
    if (message.header.kind == Kind::roster) {
      const Roster roster = parse_roster(text_of(message));
      view_ = roster.view;
      loop_->see(roster);
      tell_seen();
    }
    if (message.header.kind == Kind::measure) {
      send_text(station_, group_, Kind::report, to_text(server_->report()));
    }
  }

  void set_up(const Incoming& message) {
    const size_t values = message.segments.empty() ? 0 : message.segments.front().count;
    const size_t theta_bytes = values * sizeof(float);
    if (server_ || theta_bytes > message.payload.size()) return;
    const auto text = message.payload.subspan(theta_bytes);
    const Setup setup = parse_setup({reinterpret_cast<const char*>(text.data()), text.size()});
    server_.emplace(setup.number, KeyMap(setup.buffers, setup.options), setup.options);
    if (values > 0) {
      server_->initialise({reinterpret_cast<const float*>(message.payload.data()), values});
    }
    loop_.emplace(
        *server_, station_,
        ServerLoop::Hooks{[this](Station::Peer peer, const Incoming& told) { other(peer, told); },
                          [this](Station::Peer peer) { lost(peer); },
                          [this](uint32_t worker) { tell_left(worker); }});
  }

  void tell_seen() {
    told_current_ = server_->current();
    Header header;
    header.worker = number_;
    header.view = view_;
    header.clock = told_current_ ? 1 : 0;
    send_text(station_, group_, Kind::seen, "", header);
  }

  void tell_left(uint32_t worker) {
    Header header;
    header.worker = worker;
    send_text(station_, group_, Kind::left, "", header);
  }

  const uint32_t number_;
  TcpStation station_;
  Station::Peer group_ = 0;
  std::optional<Server> server_;
  std::optional<ServerLoop> loop_;
  uint32_t view_ = 0;
  bool told_current_ = false;
  bool over_ = false;
};

}  // namespace

WorkerProcess start_server(int number, const Ticket& ticket) {
  WorkerProcess process = WorkerProcess::start({server_word, std::to_string(number)});
  const FileDescriptor socket = process.take_socket();
  const std::string line = ticket.text() + "\n";
  const ssize_t sent = ::send(socket.get(), line.data(), line.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(line.size())) {
    throw io_error("cannot tell a parameter server its group", "worker socket", errno);
  }
  return process;
}

bool is_server_command(const std::vector<std::string>& arguments) {
  return arguments.size() == 2 && arguments.front() == server_word;
}

void run_server(const std::vector<std::string>& arguments) {
  leave_signals_to_the_job();
  try {
    ServerProcess(static_cast<uint32_t>(std::stoul(arguments.at(1))),
                  parse_ticket(line_from_group()))
        .serve();
  } catch (const Error& error) {
    std::fprintf(stderr, "podium: error: parameter server %s: %s\n", arguments.at(1).c_str(),
                 error.what());
    std::_Exit(static_cast<int>(error.code()));
  }
  std::_Exit(0);
}

}  // namespace podium::ps
