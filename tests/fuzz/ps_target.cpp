// Messages to parameter servers, one after the other as a socket might bring them: each is refused
// as bad data, or handled, by a server that answers for a range, by its backup, and by one that
// still waits for its state.
#include <cstring>

#include "fuzz/target.hpp"
#include "ps/server.hpp"

using namespace podium;
using namespace podium::ps;

namespace {

constexpr size_t values = 64;

GroupOptions options() {
  GroupOptions group;
  group.servers = 2;
  group.replicas = 1;
  group.split_values = 1;
  group.optimizer.rule = Rule::adam;
  return group;
}

struct Servers {
  Servers()
      : map({{"theta", values}}, options()), first(0, map, options()), joiner(1, map, options()) {
    const std::vector<float> theta(values, 1);
    first.initialise(theta);
    Roster roster;
    roster.view = 1;
    roster.servers = {{"a", true, true}, {"b", true, false}};
    roster.workers = {0, 1};
    first.see(roster);
    joiner.see(roster);
  }
  KeyMap map;
  Server first;
  Server joiner;
};

void check(std::span<const Answer> answers) {
  for (const Answer& answer : answers) {
    const std::vector<std::byte> bytes = encode(answer.message);
    fuzz::expect(decode(bytes).payload.size() == answer.message.header.bytes, "an odd answer");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Servers servers;
  fuzz::read_or_refuse([&] {
    while (size >= header_bytes) {
      std::span<const std::byte> rest = std::as_bytes(std::span(data, size));
      const Header header = decode_header(rest.first<header_bytes>());
      const uint64_t length = std::min<uint64_t>(size, head_bytes(header) + header.bytes);
      const std::vector<std::byte> bytes(rest.begin(),
                                         rest.begin() + static_cast<ptrdiff_t>(length));
      const Incoming message = decode(bytes);
      check(servers.first.handle(message));
      check(servers.joiner.handle(message));
      data += length;
      size -= length;
    }
  });
  return 0;
}
