// What a server knows, and the parts of its work: what workers do to a home (effects.cpp), what
// they read (reads.cpp), how other servers come to have the same (replication.cpp). server.cpp has
// the roles, and hands messages to these.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "ps/answers.hpp"
#include "ps/key_cache.hpp"
#include "ps/members.hpp"
#include "ps/server.hpp"
#include "ps/shard.hpp"

namespace podium::ps {

// The body of a message, once it has been checked: keys and values, of a sparse one; else values.
struct Body {
  std::span<const uint32_t> keys;
  std::span<const std::byte> values;
};

// What a worker wants to read, kept until it may.
struct Asked {
  Header header;
  std::vector<Segment> segments;
  std::vector<uint32_t> keys;
};

// Carried out here, but not yet by all backups.
struct Pending {
  Asked asked;
  uint64_t awaited = 0;  // bit n: the nth server after the home
};

struct Home {
  Home(int home, Segment range, const OptimizerOptions& options)
      : number(home), shard(range, options) {}

  int number;
  Shard shard;
  Members members;
  KeyCache keys;
  uint32_t ended = 0;        // bsp: steps that have ended for all, and are in Θ
  bool installed = false;    // this server has its state
  int source = -1;           // from whom, if it joined later and is not current yet
  int asked = -1;            // who was asked for its state
  uint32_t calls = 0;        // of ask_for_state() since
  bool answers = false;      // this server speaks for it
  std::vector<int> backups;  // servers that it is relayed to, by their distance from the home
  std::vector<int> given;    // servers that got its state and are not current yet
  std::deque<Pending> pending;
  std::vector<Asked> waiting;
};

struct Server::State {
  State(int server, KeyMap keys, const GroupOptions& group);

  int number;
  KeyMap map;
  GroupOptions options;
  Roster roster;
  std::vector<std::unique_ptr<Home>> homes;  // by number; null: not held
  Answers answers;
  ServerReport report;

  bool by_step() const { return options.consistency == Consistency::bsp; }
  Home* held(uint32_t home) { return home < homes.size() ? homes[home].get() : nullptr; }
  // The step at which a worker that joins begins.
  uint32_t present(const Home& home) const;

  // server.cpp: an answer to the worker of `request`, not sealed yet.
  Outgoing& reply(Kind kind, const Header& request);
  void refuse(const Header& request, const std::string& why);
  void assign_roles(Home& home);
  void count_members(Home& home);
  static void forget_asked(Home& home, uint32_t worker);

  // effects.cpp
  void effect(const Incoming& message);
  // Whether it could be read; if not, the worker was told.
  bool read_body(Home& home, const Incoming& message, Body& body);
  void advance(Home& home);
  void lift(Home& home, Member& member, uint32_t clock);

  // reads.cpp
  void pull(const Incoming& message);
  // Answers with values now, or when the consistency allows it.
  void read(Home& home, const Header& header, std::span<const Segment> segments,
            std::span<const uint32_t> keys);
  void release(Home& home);

  // replication.cpp
  uint64_t bit_of(const Home& home, int server) const;
  void relay(Home& home, const Incoming& message, const Body& body, int to);
  // Answers the worker once every backup has it.
  void settle(Home& home, const Incoming& message, const Body& body);
  void complete(Home& home, const Asked& asked);
  void complete_settled(Home& home);
  static void note_settled(Home& home, const Header& header);
  void acknowledge(Home& home, const Header& relayed, uint64_t sequence);
  void forwarded(const Header& header);
  void ask_for_state();
  void give_state(const Header& request);
  void install(const Incoming& message);

 private:
  Member* admit(Home& home, const Header& header);
  Member* greet(Home& home, const Header& header, Member* member);
  bool carry_out(Home& home, Member& member, const Header& header, const Body& body,
                 std::span<const Segment> segments);
  void begin(Home& home, Member& member, const Header& header) const;
  bool take_push(Home& home, Member& member, const Header& header, const Pushed& pushed);
  void known(Home& home, Member& member, const Incoming& message);
  bool allows(const Home& home, const Header& header) const;
  void answer_values(Home& home, const Header& header, std::span<const Segment> segments,
                     std::span<const uint32_t> keys);
};

}  // namespace podium::ps
