// Fiber: a function on a stack of its own, which its thread enters and leaves as it likes: how work
// that waits often goes on in the gaps of other work, without a second thread.
//
// By makecontext() and swapcontext() of the C library. Threads: one; the body runs on it while
// resume() waits. A body that is under way when its fiber ends is never unwound: what it holds is
// leaked, which only an error path does.
#pragma once

#include <functional>
#include <memory>

namespace podium {

class Fiber {
 public:
  // Throws unavailable_error when there is no memory for a stack.
  explicit Fiber(std::function<void()> body);
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // The next resume() begins the body anew. REQUIRES: it has not begun, or has ended.
  void restart();
  // Runs the body until it leaves or ends; true once it has ended. Throws what the body threw,
  // which ends it.
  bool resume();
  // From inside the body: back to who called resume(), until the next call.
  void leave();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace podium
