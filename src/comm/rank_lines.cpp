#include "comm/rank_lines.hpp"

#include <chrono>
#include <utility>

#include "comm/broadcast.hpp"

namespace podium::comm {
namespace {

using namespace std::chrono_literals;

constexpr int tag = 1;
constexpr auto between_looks = 30ms;
constexpr auto patience = 200ms;   // of a rank that ends
constexpr auto not_yet_told = 1s;  // a line may be on its way for so long, or be held
constexpr WaitPolicy for_the_last{std::chrono::minutes(2), Backoff::Kind::idle};

// Level, speaker and text in one message; an empty message is a rank's last one.
std::string packed(LogLevel level, std::string_view speaker, std::string_view text) {
  std::string message(1, static_cast<char>('0' + static_cast<int>(level)));
  return message.append(speaker).append("\n").append(text);
}

struct Unpacked {
  LogLevel level;
  std::string_view speaker;
  std::string_view text;
};

Unpacked unpack(std::string_view message) {
  const size_t end = message.find('\n');
  return {static_cast<LogLevel>(message.front() - '0'), message.substr(1, end - 1),
          message.substr(end + 1)};
}

}  // namespace

RankLines::RankLines(std::unique_ptr<Communicator> group, std::shared_ptr<LogSink> next,
                     LogLevel shown, bool all, std::chrono::milliseconds moment)
    : group_(std::move(group)),
      next_(std::move(next)),
      shown_(shown),
      all_(broadcast_text(*group_, all ? "all" : "", 0) == "all"),
      book_(moment),
      ranks_left_(group_->size() - 1) {
  if (listens()) listener_ = std::thread([this] { listen(); });
}

RankLines::~RankLines() {
  stop_ = true;
  if (listener_.joinable()) listener_.join();
}

void RankLines::line(LogLevel level, std::string_view speaker, std::string_view text) {
  const bool gathered = level == LogLevel::warning && level <= shown_;
  const bool sent = gathered || (all_ && !listens() && level <= shown_);
  {
    const std::lock_guard lock(mutex_);
    if (sent && !ended_) {
      if (listens()) return book_.add(0, speaker, text, SteadyClock::now());
      if (gathered)
        recent_.push_back({SteadyClock::now(), std::string(speaker), std::string(text)});
      while (!recent_.empty() && recent_.front().when + not_yet_told < SteadyClock::now()) {
        recent_.pop_front();
      }
      return send(packed(level, speaker, text));
    }
  }
  next_->line(level, speaker, text);
}

// REQUIRES: mutex_ is held.
void RankLines::send(std::string text) {
  pending_.remove_if([](Pending& pending) { return pending.request.test(); });
  Pending& pending = pending_.emplace_back(Pending{std::move(text), {}});
  pending.request = group_->isend(std::as_bytes(std::span(pending.text)), 0, tag);
}

void RankLines::end() {
  if (listens()) {
    listener_.join();  // the other ranks are at their ends, or on their way there
  }
  const std::lock_guard lock(mutex_);
  if (!listens()) {
    send("");
    for (Pending& pending : pending_) {
      group_->wait(pending.request, "telling rank 0 what was said", 0, for_the_last);
    }
    pending_.clear();
    recent_.clear();
  }
  ended_ = true;
}

void RankLines::last_words() noexcept {
  try {
    const std::unique_lock lock(mutex_, patience);
    if (!lock.owns_lock()) return;
    ended_ = true;
    for (const GatheredWarning& warning : book_.take_all()) {
      next_->line(LogLevel::warning, warning.speaker, warning.text);
    }
    for (const Recent& recent : recent_) {
      if (recent.when + not_yet_told < SteadyClock::now()) continue;
      next_->line(LogLevel::warning, recent.speaker, recent.text);
    }
    recent_.clear();
  } catch (...) {
    return;  // the error that ends the job is what counts
  }
}

void RankLines::listen() {
  while (take_messages() && !stop_) {
    tell_due();
    std::this_thread::sleep_for(between_looks);
  }
  const std::lock_guard lock(mutex_);
  for (const GatheredWarning& warning : book_.take_all()) {
    next_->line(LogLevel::warning, warning.speaker, warning.text);
  }
  ended_ = true;
}

bool RankLines::take_messages() {
  while (const auto message = try_receive(*group_, any_rank, tag)) {
    if (message->bytes.empty()) {
      if (--ranks_left_ == 0) return false;
      continue;
    }
    const Unpacked said =
        unpack({reinterpret_cast<const char*>(message->bytes.data()), message->bytes.size()});
    if (said.level != LogLevel::warning) {
      next_->line(said.level, said.speaker, said.text);
      continue;
    }
    const std::lock_guard lock(mutex_);
    book_.add(message->from, said.speaker, said.text, SteadyClock::now());
  }
  return true;
}

void RankLines::tell_due() {
  const std::lock_guard lock(mutex_);
  for (const GatheredWarning& warning : book_.take_due(SteadyClock::now())) {
    next_->line(LogLevel::warning, warning.speaker, warning.text);
  }
}

}  // namespace podium::comm
