#include "comm/allreduce/watch.hpp"

#include <sched.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "comm/nccl_support.hpp"
#include "comm/tags.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

namespace podium::comm {
namespace {

constexpr uint32_t spin_rounds = 2000;   // some 20 us
constexpr uint32_t yield_rounds = 3000;  // after those, counted from the start
constexpr auto longest_yielding = std::chrono::milliseconds(2);  // where others want the core
constexpr auto sleep = std::chrono::microseconds(50);
constexpr std::chrono::milliseconds longest_inquiry(2000);

// How long a stuck rank waits for the words of others; part of the group's limit.
std::chrono::milliseconds inquiry_time(const Communicator& group) {
  return std::min(group.policy().limit / 4, longest_inquiry);
}

// "rank 2" or "ranks 0, 1 and 4"
std::string ranks_text(const std::vector<int>& ranks) {
  std::string text = ranks.size() == 1 ? "rank " : "ranks ";
  for (size_t i = 0; i < ranks.size(); ++i) {
    if (i > 0) text += i + 1 == ranks.size() ? " and " : ", ";
    text += std::to_string(ranks[i]);
  }
  return text;
}

}  // namespace

std::string Watch::story() const {
  return to_text(signature_) + ", " + algorithm_;
}

void Watch::pause(Wait& wait, int peer, const char* step) {
  if (give_way_ && give_way_()) return;
  if (wait.rounds == 0) wait.start = SteadyClock::now();
  ++wait.rounds;
  if (wait.rounds < spin_rounds && !crowded_) {
    __builtin_ia32_pause();
    return;
  }
  const auto waited = SteadyClock::now() - wait.start;
  if (wait.rounds < yield_rounds && waited < longest_yielding) {
    ::sched_yield();
    return;
  }
  std::this_thread::sleep_for(sleep);
  const bool late = waited >= group_.policy().limit - inquiry_time(group_);
  if (late || group_.probe(any_rank, tags::stuck)) fail(wait, peer, step);
}

// Tells all others, and listens who else is stuck.
void Watch::fail(const Wait& wait, int peer, const char* step) {
  const Report mine{signature_, peer};
  const size_t ranks = static_cast<size_t>(group_.size());
  std::vector<Request> sent(ranks);
  std::vector<bool> there(ranks, false);
  there[static_cast<size_t>(group_.rank())] = true;
  for (int rank = 0; rank < group_.size(); ++rank) {
    if (rank == group_.rank()) continue;
    sent[static_cast<size_t>(rank)] =
        group_.isend(std::as_bytes(std::span(&mine, 1)), rank, tags::stuck);
  }
  std::string others;
  const Deadline deadline(inquiry_time(group_));
  while (!deadline.expired()) {
    if (const auto envelope = group_.probe(any_rank, tags::stuck)) {
      Report report;
      receive(group_, std::as_writable_bytes(std::span(&report, 1)), envelope->from, tags::stuck);
      there[static_cast<size_t>(envelope->from)] = true;
      if (report.signature == signature_) continue;
      others += "; rank " + std::to_string(envelope->from) + " is at " + to_text(report.signature);
    } else {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  std::vector<int> missing;
  for (size_t rank = 0; rank < ranks; ++rank) {
    if (!there[rank]) missing.push_back(static_cast<int>(rank));
  }
  const double seconds = std::chrono::duration<double>(SteadyClock::now() - wait.start).count();
  throw internal_error(
      "rank " + std::to_string(group_.rank()) + " of group '" + group_.name() + "' on " +
          exchange_host() + format(" waited %.1f s for rank %d; ", seconds, peer) +
          (missing.empty() ? "all ranks wait, none is missing"
                           : ranks_text(missing) +
                                 (missing.size() == 1 ? " has not arrived" : " have not arrived")) +
          others,
      "AllReduce, " + story() + ", " + step,
      missing.empty() ? "please report this" : "see whether it died or stalled");
}

}  // namespace podium::comm
