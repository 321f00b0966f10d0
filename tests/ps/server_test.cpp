// One server, told what workers would tell it: what it carries out, and what it answers.
#include "ps/server.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <numeric>
#include <optional>

#include "core/error.hpp"

namespace podium::ps {
namespace {

constexpr size_t values = 12;

// What a server said, in memory of its own.
struct Said {
  Answer::To to{};
  uint32_t number = 0;
  std::vector<std::byte> bytes;

  Incoming message() const { return decode(bytes); }
  Kind kind() const { return message().header.kind; }
  std::vector<float> floats() const {
    const Incoming parts = message();
    std::vector<float> read(parts.payload.size() / sizeof(float));
    if (!read.empty()) std::memcpy(read.data(), parts.payload.data(), parts.payload.size());
    return read;
  }
};

class OneServer {
 public:
  explicit OneServer(const GroupOptions& options, int number = 0)
      : server_(number, KeyMap({{"theta", values}}, options), options) {
    server_.initialise(std::vector<float>(values, 0));
  }

  Server& server() { return server_; }

  std::vector<Said> tell(Outgoing message) {
    seal(message);
    bytes_ = encode(message);
    return copy(server_.handle(decode(bytes_)));
  }
  std::vector<Said> see(const Roster& roster) { return copy(server_.see(roster)); }

 private:
  static std::vector<Said> copy(std::span<const Answer> answers) {
    std::vector<Said> said;
    for (const Answer& answer : answers) {
      said.push_back({answer.to, answer.number, encode(answer.message)});
    }
    return said;
  }

  Server server_;
  std::vector<std::byte> bytes_;
};

Outgoing message(Kind kind, uint32_t worker, uint64_t sequence, uint32_t clock = 0) {
  Outgoing built;
  built.header.kind = kind;
  built.header.worker = worker;
  built.header.sequence = sequence;
  built.header.clock = clock;
  built.header.ticket = static_cast<uint32_t>(sequence);
  return built;
}

const std::vector<float> ones(values, 1);

Outgoing push(uint32_t worker, uint64_t sequence, uint32_t clock, Segment segment = {0, values}) {
  Outgoing built = message(Kind::push, worker, sequence, clock);
  built.segments = {segment};
  built.payload = {std::as_bytes(std::span(ones).first(segment.count))};
  return built;
}

Outgoing pull(uint32_t worker, uint64_t sequence, uint32_t clock, Segment segment = {0, values}) {
  Outgoing built = message(Kind::pull, worker, sequence, clock);
  built.segments = {segment};
  return built;
}

GroupOptions options_of(Consistency consistency, uint64_t staleness = 0) {
  GroupOptions options;
  options.servers = 1;
  options.consistency = consistency;
  options.staleness = staleness;
  options.optimizer.rule = Rule::sum;
  return options;
}

Roster roster_of(uint32_t view, std::vector<uint32_t> workers, int servers = 1) {
  Roster roster;
  roster.view = view;
  roster.servers.resize(static_cast<size_t>(servers), {"there", true, true});
  roster.workers = std::move(workers);
  return roster;
}

Kind only(const std::vector<Said>& said) {
  EXPECT_EQ(said.size(), 1u);
  return said.size() == 1 ? said[0].kind() : Kind{};
}

TEST(Server, CarriesOutEachNumberOnce) {
  OneServer one(options_of(Consistency::asp));
  EXPECT_EQ(only(one.tell(message(Kind::hello, 3, 100))), Kind::welcome);
  EXPECT_EQ(only(one.tell(push(3, 101, 0))), Kind::done);
  EXPECT_EQ(only(one.tell(push(3, 101, 0))), Kind::done);  // again: the same answer
  EXPECT_TRUE(one.tell(push(3, 103, 0)).empty());          // 102 is missing
  EXPECT_EQ(only(one.tell(push(3, 102, 0))), Kind::done);
  EXPECT_EQ(only(one.tell(push(3, 103, 0))), Kind::done);
  const auto said = one.tell(pull(3, 103, 0));
  ASSERT_EQ(only(said), Kind::values);
  EXPECT_EQ(said[0].floats(), std::vector<float>(values, 3));
  const ServerReport report = one.server().report();
  EXPECT_EQ(report.pushes, 3u);
  EXPECT_EQ(report.duplicates, 1u);
  EXPECT_EQ(report.gaps, 1u);
}

TEST(Server, RefusesPushesOfAStepThatHasEnded) {
  OneServer one(options_of(Consistency::ssp, 1));
  one.tell(message(Kind::hello, 0, 1));
  EXPECT_EQ(only(one.tell(message(Kind::tick, 0, 2, 1))), Kind::done);
  EXPECT_EQ(only(one.tell(push(0, 3, 0))), Kind::refused);
  EXPECT_EQ(one.server().report().late, 1u);
  EXPECT_EQ(only(one.tell(push(0, 3, 1))), Kind::done);
}

TEST(Server, PullsSeeThePushesBeforeThem) {
  OneServer one(options_of(Consistency::asp));
  one.tell(message(Kind::hello, 0, 1));
  EXPECT_TRUE(one.tell(pull(0, 2, 0)).empty());  // number 2 has not come
  one.tell(push(0, 2, 0));
  EXPECT_EQ(only(one.tell(pull(0, 2, 0))), Kind::values);
}

TEST(Server, BspReadsWholeStepsOnly) {
  OneServer one(options_of(Consistency::bsp));
  one.see(roster_of(1, {0, 1}));
  one.tell(message(Kind::hello, 0, 1));
  one.tell(push(0, 2, 0));
  auto said = one.tell(pull(0, 2, 0));
  ASSERT_EQ(only(said), Kind::values);
  EXPECT_EQ(said[0].floats(), std::vector<float>(values, 0));  // not of this step
  one.tell(message(Kind::tick, 0, 3, 1));
  EXPECT_TRUE(one.tell(pull(0, 3, 1)).empty());  // worker 1 has not even come
  one.tell(message(Kind::hello, 1, 1));
  one.tell(push(1, 2, 0, {0, 4}));
  said = one.tell(message(Kind::tick, 1, 3, 1));
  ASSERT_EQ(said.size(), 2u);
  EXPECT_EQ(said[0].kind(), Kind::done);
  EXPECT_EQ(said[1].number, 0u);
  EXPECT_EQ(said[1].message().header.clock, 1u);
  std::vector<float> expected(values, 1);
  std::fill_n(expected.begin(), 4, 2.0F);
  EXPECT_EQ(said[1].floats(), expected);
  EXPECT_EQ(one.server().report().waited_pulls, 1u);
}

TEST(Server, SspLetsAWorkerBeAheadByTheBound) {
  OneServer one(options_of(Consistency::ssp, 2));
  one.see(roster_of(1, {0, 1}));
  one.tell(message(Kind::hello, 0, 1));
  one.tell(message(Kind::hello, 1, 1));
  for (uint32_t step = 1; step <= 2; ++step) {
    one.tell(message(Kind::tick, 0, step + 1, step));
    EXPECT_EQ(only(one.tell(pull(0, step + 1, step))), Kind::values);
  }
  one.tell(message(Kind::tick, 0, 4, 3));
  EXPECT_TRUE(one.tell(pull(0, 4, 3)).empty());
  EXPECT_EQ(one.tell(message(Kind::tick, 1, 2, 1)).size(), 2u);
  EXPECT_EQ(one.server().report().staleness, (std::vector<uint64_t>{0, 1, 2}));
}

TEST(Server, WaitsForNobodyWhoLeftOrWasDropped) {
  OneServer one(options_of(Consistency::bsp));
  one.see(roster_of(1, {0, 1, 2}));
  for (uint32_t w = 0; w < 3; ++w) one.tell(message(Kind::hello, w, 1));
  one.tell(push(1, 2, 0));
  one.tell(message(Kind::tick, 0, 2, 1));
  EXPECT_TRUE(one.tell(pull(0, 2, 1)).empty());
  EXPECT_EQ(only(one.tell(message(Kind::leave, 1, 3))), Kind::done);
  const auto said = one.see(roster_of(2, {0}));
  ASSERT_EQ(only(said), Kind::values);
  EXPECT_EQ(said[0].floats(), std::vector<float>(values, 1));  // what was acknowledged counts
  EXPECT_EQ(only(one.tell(push(2, 2, 0))), Kind::refused);     // it was dropped
  EXPECT_EQ(only(one.tell(message(Kind::leave, 1, 3))), Kind::done);
}

TEST(Server, AWorkerThatJoinsLaterBeginsAtTheSlowest) {
  OneServer one(options_of(Consistency::bsp));
  one.see(roster_of(1, {0}));
  one.tell(message(Kind::hello, 0, 1));
  one.tell(message(Kind::tick, 0, 2, 1));
  one.tell(message(Kind::tick, 0, 3, 2));
  Outgoing hello = message(Kind::hello, 5, 9);
  EXPECT_EQ(only(one.tell(hello)), Kind::refused);  // this view is all it knows, and not on it
  hello.header.view = 2;                            // a view that the server has not seen
  const auto said = one.tell(hello);
  ASSERT_EQ(only(said), Kind::welcome);
  EXPECT_EQ(said[0].message().header.clock, 2u);
  EXPECT_TRUE(one.tell(pull(0, 3, 3)).empty());
}

TEST(Server, AStepInOneMessage) {
  OneServer one(options_of(Consistency::bsp));
  one.tell(message(Kind::hello, 0, 1));
  Outgoing step = push(0, 2, 0);
  step.header.kind = Kind::push_pull;
  step.header.flags = ticks;
  const auto said = one.tell(step);
  ASSERT_EQ(only(said), Kind::values);
  EXPECT_EQ(said[0].message().header.clock, 1u);
  EXPECT_EQ(said[0].floats(), std::vector<float>(values, 1));
}

TEST(Server, AnObserverReadsWhatThereIs) {
  OneServer one(options_of(Consistency::bsp));
  one.see(roster_of(1, {0, 1}));
  one.tell(message(Kind::hello, 0, 1));
  EXPECT_EQ(only(one.tell(pull(observer, 0, 99))), Kind::values);
  EXPECT_EQ(only(one.tell(message(Kind::hello, observer, 1))), Kind::refused);
}

Outgoing sparse_push(uint64_t sequence, const std::vector<uint32_t>& keys,
                     const std::vector<float>& rows, bool cached) {
  Outgoing built = message(Kind::push, 0, sequence);
  built.header.flags = sparse;
  built.header.width = 2;
  built.header.keys_hash = 77;
  built.segments = {{0, keys.size()}};
  if (cached) built.header.flags |= keys_cached;
  if (!cached) built.payload.push_back(std::as_bytes(std::span(keys)));
  built.payload.push_back(std::as_bytes(std::span(rows)));
  return built;
}

TEST(Server, RowsByKeysThatItRemembers) {
  OneServer one(options_of(Consistency::asp));
  one.tell(message(Kind::hello, 0, 1));
  const std::vector<uint32_t> keys = {0, 1, 4};
  const std::vector<float> rows = {1, 2, 3, 4, 5, 6};
  EXPECT_EQ(only(one.tell(sparse_push(2, keys, rows, true))), Kind::unknown_keys);
  EXPECT_EQ(only(one.tell(sparse_push(2, keys, rows, false))), Kind::done);
  EXPECT_EQ(only(one.tell(sparse_push(3, keys, rows, true))), Kind::done);
  Outgoing read = sparse_push(3, keys, {}, true);
  read.header.kind = Kind::pull;
  const auto said = one.tell(read);
  ASSERT_EQ(only(said), Kind::values);
  EXPECT_EQ(said[0].floats(), (std::vector<float>{2, 4, 6, 8, 10, 12}));
  EXPECT_EQ(one.tell(pull(0, 3, 0))[0].floats(),
            (std::vector<float>{2, 4, 6, 8, 0, 0, 0, 0, 10, 12, 0, 0}));
}

TEST(Server, RefusesWhatCannotBe) {
  OneServer one(options_of(Consistency::asp));
  one.tell(message(Kind::hello, 0, 1));
  const std::vector<uint32_t> beyond = {5, 6};
  const std::vector<uint32_t> twice = {3, 3};
  const std::vector<float> rows(4, 1);
  Outgoing longer = push(0, 2, 0);
  longer.segments = {{0, values + 1}};
  Outgoing far = push(0, 2, 0);
  far.segments = {{~0ULL - 3, values}};
  Outgoing twofold = pull(0, 1, 0);
  twofold.segments = {{0, values}, {0, values}};
  Outgoing thin = push(0, 2, 0);
  thin.header.encoding = Encoding::fp16;
  Outgoing layer = pull(0, 1, 0);
  layer.header.width = 1;  // a sum keeps nothing beside Θ
  Outgoing beside = push(0, 2, 0);
  beside.header.width = 1;  // only pulls name a layer
  for (const Outgoing& wrong :
       {sparse_push(2, beyond, rows, false), sparse_push(2, twice, rows, false), longer, far,
        twofold, thin, layer, beside, push(9, 2, 0)}) {
    EXPECT_EQ(only(one.tell(wrong)), Kind::refused);
  }
  EXPECT_EQ(only(one.tell(push(0, 2, 0))), Kind::done);  // and goes on
}

TEST(Server, TellsBackupsBeforeTheWorker) {
  GroupOptions options = options_of(Consistency::asp);
  options.servers = 3;
  options.replicas = 2;
  options.split_values = 1;
  OneServer one(options);
  one.see(roster_of(1, {0}, 3));
  EXPECT_EQ(one.tell(message(Kind::hello, 0, 1)).size(), 2u);  // to the backups alone
  Outgoing ack = message(Kind::forwarded, 0, 1);
  ack.header.from = 1;
  EXPECT_TRUE(one.tell(ack).empty());
  EXPECT_TRUE(one.tell(ack).empty());
  ack.header.from = 2;
  EXPECT_EQ(only(one.tell(ack)), Kind::welcome);

  const auto relayed = one.tell(push(0, 2, 0, {0, 4}));
  ASSERT_EQ(relayed.size(), 2u);
  EXPECT_EQ(relayed[1].number, 2u);
  EXPECT_TRUE(relayed[1].message().header.has(Flag::relayed));
  // A worker that asks again does not count twice, and asks those again that have not answered.
  ack.header.sequence = 2;
  EXPECT_TRUE(one.tell(ack).empty());
  EXPECT_EQ(one.tell(push(0, 2, 0, {0, 4})).size(), 1u);
  Roster without = roster_of(2, {0}, 3);
  without.servers[1].alive = false;
  EXPECT_EQ(only(one.see(without)), Kind::done);  // nobody else to wait for
  EXPECT_EQ(one.tell(pull(0, 2, 0, {0, 4}))[0].floats(), std::vector<float>(4, 1));
}

TEST(Server, AnswersForAHomeOnlyWhileItIsToDoSo) {
  GroupOptions options = options_of(Consistency::asp);
  options.servers = 2;
  options.replicas = 1;
  options.split_values = 1;
  OneServer one(options, 1);
  EXPECT_EQ(only(one.tell(message(Kind::hello, 0, 1))), Kind::moved);  // home 0, whose backup it is
  Roster without = roster_of(1, {0}, 2);
  without.servers[0].alive = false;
  one.see(without);
  EXPECT_EQ(only(one.tell(message(Kind::hello, 0, 1))), Kind::welcome);
  one.see(roster_of(2, {0}, 2));
  EXPECT_EQ(only(one.tell(push(0, 2, 0, {0, 4}))), Kind::moved);
}

// Those whom it leaves without an answer hear of it, instead of waiting until they ask again.
TEST(Server, TellsWhoWaitsThatItAnswersNoMore) {
  GroupOptions options = options_of(Consistency::bsp);
  options.servers = 2;
  options.replicas = 1;
  options.split_values = 1;
  OneServer one(options, 1);
  Roster without = roster_of(1, {0, 1}, 2);
  without.servers[0].alive = false;
  one.see(without);
  one.tell(message(Kind::hello, 0, 1));
  one.tell(message(Kind::hello, 1, 1));
  one.tell(message(Kind::tick, 0, 2, 1));
  EXPECT_TRUE(one.tell(pull(0, 2, 1, {0, 4})).empty());  // worker 1 is still to push
  EXPECT_EQ(only(one.see(roster_of(2, {0, 1}, 2))), Kind::moved);
}

}  // namespace
}  // namespace podium::ps
