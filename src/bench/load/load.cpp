#include "bench/load/load.hpp"

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <thread>

#include "bench/load/connection.hpp"
#include "core/cpu_time.hpp"
#include "core/error.hpp"

namespace podium::bench {
namespace {

using Time = SteadyClock::time_point;
using namespace std::chrono_literals;

constexpr uint64_t timer_key = UINT64_MAX;
constexpr auto look_around = 100ms;    // for requests that got no answer in time
constexpr int64_t most_broken = 1000;  // in a row, without an answer between them

// A year where it would be longer: the clock's numbers end after some hundred.
SteadyClock::duration duration_of(double seconds) {
  constexpr double year_s = 365 * 86400.0;
  return std::chrono::duration_cast<SteadyClock::duration>(
      std::chrono::duration<double>(std::min(seconds, year_s)));
}

uint64_t nanoseconds(SteadyClock::duration time) {
  return static_cast<uint64_t>(
      std::max<int64_t>(0, std::chrono::duration_cast<std::chrono::nanoseconds>(time).count()));
}

// One thread's share of a load.
class Generator {
 public:
  Generator(const ServerAddress& server, const Tls* tls, const LoadTarget& target,
            const LoadOptions& options, uint64_t seed)
      : server_(server),
        tls_(tls),
        target_(target),
        options_(options),
        arrivals_(options.arrivals, options.per_second, options.burst, seed),
        most_(static_cast<size_t>(options.clients > 0 ? options.clients : options.connections)),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)),
        timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = timer_key;
    if (!epoll_ || !timer_ || ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, timer_.get(), &event) != 0) {
      throw io_error("cannot make a load", "bench serve", errno);
    }
    connections_.resize(most_);
    free_.reserve(most_);
    for (size_t slot = most_; slot > 0; --slot) free_.push_back(slot - 1);
  }

  LoadReport run() {
    ::prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);  // else requests are sent up to 50 us late
    const double cpu_before = thread_cpu_s();
    begin_ = SteadyClock::now();
    end_ = begin_ + duration_of(options_.seconds);
    last_answer_ = begin_;
    const Time give_up = end_ + options_.timeout;
    schedule();
    for (Time now = begin_; now < give_up; now = SteadyClock::now()) {
      take_due(now);
      while (!waiting_.empty() && !free_.empty()) send_next();
      if (now >= end_ && waiting_.empty() && busy_ == 0) break;
      give_up_late(now);
      wait(std::min(give_up, next_look_));
    }
    report_.timed_out += static_cast<int64_t>(waiting_.size() + busy_);
    const std::chrono::duration<double> took = last_answer_ - begin_;
    report_.seconds = std::max(options_.seconds, took.count());
    report_.cpu_s = thread_cpu_s() - cpu_before;
    return std::move(report_);
  }

 private:
  bool closed_loop() const { return options_.clients > 0; }

  void schedule() { next_ = begin_ + duration_of(arrivals_.next()); }

  void make_due(Time time) {
    ++report_.due;
    waiting_.push_back(time);
  }

  // In a closed loop a client that has its answer is due at once.
  void take_due(Time now) {
    if (closed_loop()) {
      if (now < end_) {
        while (waiting_.size() < free_.size()) make_due(SteadyClock::now());
      }
      return;
    }
    for (; next_ <= now && next_ < end_; schedule()) make_due(next_);
  }

  void send_next() {
    const size_t slot = free_.back();
    free_.pop_back();
    std::unique_ptr<Connection>& connection = connections_[slot];
    if (!connection) connection = std::make_unique<Connection>(server_, tls_, epoll_.get(), slot);
    const Time due = waiting_.front();
    waiting_.pop_front();
    const std::string& request = target_.requests[request_++ % target_.requests.size()];
    ++busy_;
    connection->send(request, due);
    report_.lateness.record_ns(nanoseconds(connection->sent() - due));
  }

  void wait(Time latest) {
    Time until = latest;
    if (closed_loop()) {
      if (SteadyClock::now() < end_) until = std::min(until, end_);
    } else if (next_ < end_) {
      until = std::min(until, next_);
    }
    arm(until);
    std::array<epoll_event, 64> events{};
    const int count = ::epoll_wait(epoll_.get(), events.data(), int(events.size()), 1000);
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<size_t>(i)];
      if (event.data.u64 != timer_key) happened(event.data.u64, event.events);
    }
  }

  // Wakes epoll_wait() at `until`, whose own limit has only milliseconds.
  void arm(Time until) {
    if (until == armed_) return;
    armed_ = until;
    const auto since =
        std::chrono::duration_cast<std::chrono::nanoseconds>(until.time_since_epoch()).count();
    itimerspec when{};
    when.it_value.tv_sec = since / 1'000'000'000;
    when.it_value.tv_nsec = since % 1'000'000'000;
    ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
  }

  void happened(size_t slot, uint32_t events) {
    std::unique_ptr<Connection>& connection = connections_[slot];
    if (!connection) return;  // it was closed by an event before this one
    const bool busy = connection->busy();
    switch (connection->progress(events)) {
      case Connection::Outcome::waits:
        return;
      case Connection::Outcome::answered:
        return answered(slot);
      case Connection::Outcome::broken:
        if (busy) return lost(slot, &report_.broken);
        connection.reset();  // the server let go of one that was not in use
    }
  }

  void answered(size_t slot) {
    std::unique_ptr<Connection>& connection = connections_[slot];
    last_answer_ = SteadyClock::now();
    ++report_.statuses[connection->status()];
    if (connection->status() == 200) {
      report_.latency.record_ns(nanoseconds(last_answer_ - connection->due()));
    }
    if (!connection->keep_alive()) connection.reset();
    broken_in_a_row_ = 0;
    release(slot);
  }

  void lost(size_t slot, int64_t* why) {
    ++*why;
    connections_[slot].reset();
    release(slot);
    if (++broken_in_a_row_ < most_broken) return;
    throw unavailable_error("the server closes connections without an answer",
                            target_.host + ":" + std::to_string(target_.port),
                            "see whether it still runs");
  }

  void release(size_t slot) {
    --busy_;
    free_.push_back(slot);
  }

  void give_up_late(Time now) {
    if (now < next_look_) return;
    next_look_ = now + look_around;
    for (size_t slot = 0; slot < connections_.size(); ++slot) {
      const auto& connection = connections_[slot];
      if (connection && connection->busy() && connection->sent() + options_.timeout < now) {
        lost(slot, &report_.timed_out);
      }
    }
  }

  const ServerAddress& server_;
  const Tls* const tls_;
  const LoadTarget& target_;
  const LoadOptions options_;
  Arrivals arrivals_;
  const size_t most_;
  FileDescriptor epoll_;
  FileDescriptor timer_;
  std::vector<std::unique_ptr<Connection>> connections_;  // one slot each, empty until needed
  std::vector<size_t> free_;                              // slots, the last used at the end
  std::deque<Time> waiting_;
  size_t request_ = 0;
  size_t busy_ = 0;
  int64_t broken_in_a_row_ = 0;
  Time begin_;
  Time end_;
  Time next_;
  Time next_look_;
  Time armed_;
  Time last_answer_;
  LoadReport report_;
};

// The share of thread `index` of `threads`.
LoadOptions share_of(const LoadOptions& options, int index) {
  const auto part = [&](int whole) {
    return std::max(1, whole / options.threads + (index < whole % options.threads ? 1 : 0));
  };
  LoadOptions share = options;
  share.per_second = options.per_second / options.threads;
  if (options.clients > 0) share.clients = part(options.clients);
  share.connections = part(options.connections);
  return share;
}

}  // namespace

int64_t LoadReport::answered() const {
  const auto found = statuses.find(200);
  return found == statuses.end() ? 0 : found->second;
}

double LoadReport::per_second() const {
  return seconds > 0 ? static_cast<double>(answered()) / seconds : 0;
}

void LoadReport::add(const LoadReport& other) {
  seconds = std::max(seconds, other.seconds);
  due += other.due;
  broken += other.broken;
  timed_out += other.timed_out;
  for (const auto& [status, count] : other.statuses) statuses[status] += count;
  latency.add(other.latency);
  lateness.add(other.lateness);
  cpu_s += other.cpu_s;
}

LoadReport run_load(const LoadTarget& target, const LoadOptions& options) {
  require(!target.requests.empty() && options.threads >= 1, "a load has requests and threads",
          "run_load");
  const ServerAddress server = find_server(target.host, target.port);
  std::optional<Tls> tls;
  if (target.credentials.tls) tls.emplace(target.host, target.credentials);
  const auto threads = static_cast<size_t>(options.threads);
  std::vector<LoadReport> reports(threads);
  std::vector<std::exception_ptr> failures(threads);
  std::vector<std::thread> running;
  for (size_t i = 0; i < threads; ++i) {
    running.emplace_back([&, i] {
      try {
        reports[i] = Generator(server, tls ? &*tls : nullptr, target,
                               share_of(options, static_cast<int>(i)), mix64(options.seed + i))
                         .run();
      } catch (...) {
        failures[i] = std::current_exception();
      }
    });
  }
  for (std::thread& thread : running) thread.join();
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
  LoadReport all;
  for (const LoadReport& report : reports) all.add(report);
  return all;
}

}  // namespace podium::bench
