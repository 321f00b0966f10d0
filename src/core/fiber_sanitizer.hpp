// FiberSwitches: what AddressSanitizer and ThreadSanitizer are told when a thread changes its
// stack; nothing in other builds. Interfaces: sanitizer/common_interface_defs.h, tsan_interface.h.
#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#elif defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace podium {

#if defined(__SANITIZE_ADDRESS__)

class FiberSwitches {
 public:
  // Around a switch to the fiber, on the thread's stack.
  void enter(const void* stack, size_t bytes) {
    __sanitizer_start_switch_fiber(&outside_, stack, bytes);
  }
  void left() { __sanitizer_finish_switch_fiber(outside_, nullptr, nullptr); }
  // Around a switch from the fiber, on its stack; `for_good` when it does not come back.
  void leave(bool for_good) {
    __sanitizer_start_switch_fiber(for_good ? nullptr : &inside_, thread_stack_, thread_bytes_);
    if (for_good) inside_ = nullptr;
  }
  void entered() { __sanitizer_finish_switch_fiber(inside_, &thread_stack_, &thread_bytes_); }

 private:
  void* outside_ = nullptr;
  void* inside_ = nullptr;  // null at the first entry
  const void* thread_stack_ = nullptr;
  size_t thread_bytes_ = 0;
};

#elif defined(__SANITIZE_THREAD__)

// Inlined: a function that began on one stack may not be seen to end on another.
class FiberSwitches {
 public:
  FiberSwitches() : fiber_(__tsan_create_fiber(0)) {}
  ~FiberSwitches() { __tsan_destroy_fiber(fiber_); }
  FiberSwitches(const FiberSwitches&) = delete;
  FiberSwitches& operator=(const FiberSwitches&) = delete;

  [[gnu::always_inline]] void enter(const void*, size_t) {
    thread_ = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(fiber_, 0);
  }
  void left() {}
  [[gnu::always_inline]] void leave(bool) { __tsan_switch_to_fiber(thread_, 0); }
  void entered() {}

 private:
  void* fiber_;
  void* thread_ = nullptr;
};

#else

class FiberSwitches {
 public:
  void enter(const void*, size_t) {}
  void left() {}
  void leave(bool) {}
  void entered() {}
};

#endif

}  // namespace podium
