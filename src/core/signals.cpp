#include "core/signals.hpp"

#include <ctime>

namespace podium {
namespace {

sigset_t make_set(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : signals) sigaddset(&set, number);
  return set;
}

}  // namespace

void block_signals(std::initializer_list<int> signals) {
  const sigset_t set = make_set(signals);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

void leave_signals_to_the_job() {
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) std::signal(number, SIG_IGN);
}

SignalWatch::SignalWatch(std::initializer_list<int> signals, std::function<void(int)> handler)
    : set_(make_set(signals)), handler_(std::move(handler)), thread_([this] { watch(); }) {}

SignalWatch::~SignalWatch() {
  ending_ = true;
  thread_.join();
}

void SignalWatch::watch() {
  constexpr timespec poll{0, 50'000'000};
  while (!ending_) {
    const int number = sigtimedwait(&set_, nullptr, &poll);
    if (number > 0) handler_(number);
  }
}

}  // namespace podium
