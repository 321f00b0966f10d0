#include "search/child.hpp"

#include <poll.h>
#include <sys/resource.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "core/clock.hpp"
#include "core/span_names.hpp"

namespace podium::search {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::chrono::hours forever{24 * 365};  // the end of a search is seen at once
constexpr std::chrono::seconds send_limit{60};
constexpr double between_words_s = 1;  // so that a long epoch is not taken for a hang

// What the kernel counts for RLIMIT_DATA; 0 where it does not tell.
uint64_t data_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    uint64_t kib = 0;
    if (word == "VmData:" && status >> kib) return kib << 10;
  }
  return 0;
}

void limit_memory(uint64_t bytes) {
  if (bytes == 0) return;
  const rlim_t limit = data_bytes() + bytes;
  const rlimit both{limit, limit};
  ::setrlimit(RLIMIT_DATA, &both);  // without it a large network may end the process: a death
}

// Nobody waits for the rest of a network when the rank is gone.
void leave_if_alone(int descriptor) {
  pollfd entry{descriptor, POLLRDHUP, 0};
  if (descriptor < 0 ||
      (::poll(&entry, 1, 0) > 0 && (entry.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0)) {
    std::_Exit(0);
  }
}

}  // namespace

void run_child(Channel& channel, const ChildData& data, const ChildOptions& options,
               uint64_t memory_bytes, const ChildTelling& telling) {
  io::Dataset dataset = io::Dataset::open(data.cache, data.dataset);
  limit_memory(memory_bytes);
  ChildHooks hooks;
  hooks.on_epoch = [&channel](int epoch, double accuracy) {
    channel.send({{"epoch", epoch}, {"accuracy", accuracy}}, send_limit);
  };
  const Lane lane = telling.tracer == nullptr ? Lane() : telling.tracer->lane("child");
  Stopwatch since_word;
  hooks.still_there = [&channel, &since_word] {
    leave_if_alone(channel.descriptor());
    if (since_word.seconds() < between_words_s) return;
    channel.send({{"trains", true}}, send_limit);
    since_word.restart();
  };
  while (const std::optional<Json> order = channel.receive(forever)) {
    channel.send({{"trains", true}}, send_limit);  // from here on a death is the network's
    const auto architecture = order->at("train").get<std::string>();
    telling.log.info("trains " + architecture);
    const ChildResult result = [&] {
      const Timed span(lane, spans::train);
      return train_child(architecture, dataset, options, hooks);
    }();
    if (telling.tracer != nullptr) telling.tracer->flush();  // the search may end with this word
    channel.send({{"done", true},
                  {"reward", result.accuracy},
                  {"epochs", result.epochs},
                  {"seconds", result.seconds},
                  {"reason", result.reason},
                  {"repeatable", result.repeatable}},
                 send_limit);
  }
}

}  // namespace podium::search
