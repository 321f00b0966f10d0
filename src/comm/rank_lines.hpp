// RankLines: what other ranks say, told by rank 0.
//
// A sink of the log on every rank. Warnings of all ranks meet on rank 0, where equal ones become
// one line (core/warning_book.hpp). Where rank 0 draws a picture, the other lines of other ranks
// come to it too, so that all of a terminal has one writer. Whoever speaks copies its line and goes
// on; transfers complete in the background, as on a communicator that is used for nothing else.
//
// Threads: any may speak. Rank 0 has a thread that listens, asleep but for some looks a second.
// end() sees that nothing is lost. A rank that fails calls last_words() instead.
#pragma once

#include <atomic>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "comm/communicator.hpp"
#include "core/log_sink.hpp"
#include "core/warning_book.hpp"

namespace podium::comm {

class RankLines : public LogSink {
 public:
  // Rank 0's settings count for all: the gravest level that is not shown is not sent, and `all`
  // says that rank 0 draws. `next` is where lines go on a rank; warnings are held for a `moment`.
  // Collective over `group`.
  RankLines(std::unique_ptr<Communicator> group, std::shared_ptr<LogSink> next, LogLevel shown,
            bool all, std::chrono::milliseconds moment = WarningBook::usual_moment);
  ~RankLines() override;

  void line(LogLevel level, std::string_view speaker, std::string_view text) override;

  // All that was said is told. Collective, before the end of MPI; lines go straight on afterwards.
  void end();

  // What this rank knows of and rank 0 may not have told, now: for a rank that ends the job.
  void last_words() noexcept;

 private:
  struct Pending {
    std::string text;
    Request request;
  };
  struct Recent {
    SteadyClock::time_point when;
    std::string speaker;
    std::string text;
  };

  bool listens() const { return group_->rank() == 0; }
  void send(std::string text);
  void listen();
  bool take_messages();  // false once all ranks have ended
  void tell_due();

  const std::unique_ptr<Communicator> group_;
  const std::shared_ptr<LogSink> next_;
  const LogLevel shown_;
  const bool all_;
  std::timed_mutex mutex_;  // guards what follows
  WarningBook book_;
  std::list<Pending> pending_;
  std::deque<Recent> recent_;  // own warnings that were sent a moment ago
  bool ended_ = false;
  int ranks_left_;
  std::atomic<bool> stop_{false};
  std::thread listener_;
};

}  // namespace podium::comm
