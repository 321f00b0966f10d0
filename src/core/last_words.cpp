#include "core/last_words.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <utility>

namespace podium {
namespace {

struct Fatal {
  int number;
  const char* name;
};

constexpr std::array<Fatal, 5> fatal_signals = {{{SIGSEGV, "SIGSEGV"},
                                                 {SIGABRT, "SIGABRT"},
                                                 {SIGFPE, "SIGFPE"},
                                                 {SIGBUS, "SIGBUS"},
                                                 {SIGILL, "SIGILL"}}};

// A text of bounded length, put together without a library.
class Line {
 public:
  Line& operator<<(const char* text) {
    for (; *text != '\0'; ++text) put(*text);
    return *this;
  }
  Line& operator<<(int64_t number) {
    std::array<char, 20> digits{};
    size_t count = 0;
    for (auto left = static_cast<uint64_t>(std::max<int64_t>(number, 0)); left > 0 || count == 0;
         left /= 10) {
      digits[count++] = static_cast<char>('0' + left % 10);
    }
    while (count > 0) put(digits[--count]);
    return *this;
  }
  // "12.345"
  Line& seconds(int64_t ns) {
    const int64_t ms = std::max<int64_t>(ns, 0) / 1'000'000;
    *this << ms / 1000 << ".";
    for (int64_t place = 100; place > 0; place /= 10) put(static_cast<char>('0' + ms / place % 10));
    return *this;
  }
  // What would end a JSON string or a line is left out of it.
  Line& plain(const char* text, size_t size) {
    for (size_t i = 0; i < size; ++i) {
      const auto character = static_cast<unsigned char>(text[i]);
      put(character < ' ' ? ' ' : character == '"' || character == '\\' ? '\'' : text[i]);
    }
    return *this;
  }
  void write_to(int descriptor) const {
    if (descriptor < 0) return;
    if (::write(descriptor, text_.data(), size_) < 0) return;  // nobody is left to tell
  }

 private:
  void put(char character) {
    if (size_ < text_.size()) text_[size_++] = character;
  }

  std::array<char, 2048> text_{};
  size_t size_ = 0;
};

struct Keeper {
  LastWords words;
  std::shared_ptr<const LogFile> log;
  pid_t process = 0;
  std::array<struct sigaction, fatal_signals.size()> before{};
  std::atomic<bool> said{false};
};

std::atomic<Keeper*> keeper{nullptr};

int64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// "killed by SIGSEGV (signal 11), 0.120 s after its line: ..."
void tell(Line& line, const Keeper& self, const Fatal& signal, int64_t now) {
  line << "killed by " << signal.name << " (signal " << int64_t{signal.number} << ")";
  std::array<char, 200> newest{};
  const size_t size = self.log->newest(newest.data(), newest.size());
  if (size == 0) return;
  (line << ", ").seconds(now - self.log->newest_ns()) << " s after it said: ";
  line.plain(newest.data(), size);
}

void speak(const Keeper& self, const Fatal& signal) {
  const int64_t now = now_ns();
  Line line;
  tell(line << "podium: error: " << self.words.who.c_str() << ": ", self, signal, now);
  line << "\n";
  line.write_to(STDERR_FILENO);
  line.write_to(self.log->descriptor());

  if (self.words.file.empty()) return;
  const int file = ::open(self.words.file.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (file < 0) return;
  Line event;
  event << self.words.event_head.c_str() << "\"signal\":" << int64_t{signal.number}
        << ",\"text\":\"";
  tell(event, self, signal, now);
  (event << "\",\"t_s\":").seconds(now - self.words.started_ns) << "}\n";
  event.write_to(file);
  ::close(file);
}

// The signal stays blocked until this returns; then the handler from before, or the default, has
// it: a fault happens again, with the address that it is about, and what was sent is sent again.
void on_fatal_signal(int number, siginfo_t* info, void* /*context*/) {
  const int before = errno;
  Keeper* const self = keeper;
  for (size_t i = 0; self != nullptr && i < fatal_signals.size(); ++i) {
    if (fatal_signals[i].number != number) continue;
    if (self->process == ::getpid() && !self->said.exchange(true)) speak(*self, fatal_signals[i]);
    ::sigaction(number, &self->before[i], nullptr);
  }
  const bool happens_again = number != SIGABRT && info != nullptr && info->si_code > 0;
  if (!happens_again) ::raise(number);
  errno = before;
}

}  // namespace

void say_last_words(LastWords words, std::shared_ptr<const LogFile> log) {
  auto fresh = std::make_unique<Keeper>();
  fresh->words = std::move(words);
  fresh->log = std::move(log);
  fresh->process = ::getpid();
  Keeper* const self = fresh.release();  // until the process ends
  keeper = self;
  struct sigaction ours {};
  ours.sa_sigaction = on_fatal_signal;
  ours.sa_flags = SA_ONSTACK | SA_SIGINFO;
  sigemptyset(&ours.sa_mask);
  for (size_t i = 0; i < fatal_signals.size(); ++i) {
    ::sigaction(fatal_signals[i].number, &ours, &self->before[i]);
  }
}

}  // namespace podium
