#include "ps/mpi/rank_group.hpp"

#include <set>

#include "core/error.hpp"
#include "ps/mpi/rank_ways.hpp"
#include "ps/server_loop.hpp"

namespace podium::ps {
namespace {

constexpr std::chrono::milliseconds turn{100};

void check(const comm::Communicator& group, int servers) {
  if (servers >= 1 && servers < group.size()) return;
  throw usage_error(std::to_string(servers) + " parameter servers leave no rank of " +
                        std::to_string(group.size()) + " to train",
                    "--ps.servers", "take fewer, start more ranks, or use --ps.transport=tcp");
}

// Tells the other servers that nobody needs this one any more.
void tell_end(RankStation& station, const comm::Communicator& group, int servers) {
  Outgoing message;
  message.header.kind = Kind::left;
  seal(message);
  for (int rank = group.size() - servers; rank < group.size(); ++rank) {
    if (rank != group.rank()) station.send(static_cast<Station::Peer>(rank), message);
  }
}

}  // namespace

bool is_server_rank(const comm::Communicator& group, int servers) {
  return group.rank() >= group.size() - servers;
}

Roster rank_roster(const comm::Communicator& group, int servers) {
  Roster roster;
  roster.view = 1;
  for (int rank = 0; rank < group.size(); ++rank) {
    if (rank < group.size() - servers) {
      roster.workers.push_back(static_cast<uint32_t>(rank));
    } else {
      roster.servers.push_back({std::to_string(rank), true, true});
    }
  }
  return roster;
}

// A server without workers stays until the others have none either: it may be their backup.
ServerReport serve_ranks(comm::Communicator& group, std::vector<NamedSize> buffers,
                         std::span<const float> state, const GroupOptions& options) {
  check(group, options.servers);
  Server server(group.rank() - (group.size() - options.servers),
                KeyMap(std::move(buffers), options), options);
  server.initialise(state);
  RankStation station(group);
  std::set<Station::Peer> ended;
  ServerLoop loop(server, station,
                  {[&](Station::Peer peer, const Incoming& message) {
                     if (message.header.kind == Kind::left) ended.insert(peer);
                   },
                   {},
                   {}});
  loop.see(rank_roster(group, options.servers));
  while (!loop.everyone_left()) loop.run(turn);
  tell_end(station, group, options.servers);
  const Deadline deadline(options.patience);
  const auto others = static_cast<size_t>(options.servers - 1);
  while (ended.size() < others || !station.idle()) {
    if (deadline.expired()) {
      throw internal_error(
          "a parameter server waited " + std::to_string(options.patience.count() / 1000) +
              " s for the end of " + std::to_string(others - ended.size()) + " others",
          "rank " + std::to_string(group.rank()), "see whether a trainer has stalled");
    }
    loop.run(turn);
  }
  return server.report();
}

std::unique_ptr<Worker> join_ranks(comm::Communicator& group, const KeyMap& map,
                                   const GroupOptions& options) {
  check(group, options.servers);
  const Roster roster = rank_roster(group, options.servers);
  GroupOptions mine = options;
  mine.retry = std::chrono::hours(24);  // nothing is lost here, so nothing is sent again
  return std::make_unique<Worker>(static_cast<uint32_t>(group.rank()), map, mine,
                                  rank_connect(group), [roster] { return roster; });
}

}  // namespace podium::ps
