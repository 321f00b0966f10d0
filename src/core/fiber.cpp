#include "core/fiber.hpp"

#include <sys/mman.h>
#include <ucontext.h>

#include <cstdint>
#include <exception>

#include "core/error.hpp"
#include "core/fiber_sanitizer.hpp"
#include "core/handle.hpp"

namespace podium {
namespace {

constexpr size_t page_bytes = 4096;
constexpr size_t stack_bytes = size_t{1} << 20;  // taken from memory as it is used

struct StackTraits {
  using Value = void*;
  static Value null() noexcept { return nullptr; }
  static void close(Value stack) noexcept { ::munmap(stack, stack_bytes); }
};

// Its lowest page may not be touched: a stack that overflows ends the process.
Handle<StackTraits> make_stack() {
  void* memory = ::mmap(nullptr, stack_bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (memory == MAP_FAILED || ::mprotect(memory, page_bytes, PROT_NONE) != 0) {
    throw unavailable_error("out of memory", "the stack of a fiber", "use fewer ranks per node");
  }
  return Handle<StackTraits>(memory);
}

}  // namespace

struct Fiber::State {
  explicit State(std::function<void()> a_body) : body(std::move(a_body)), stack(make_stack()) {}

  // makecontext() passes integers: the two halves of the state's address.
  static void enter(unsigned int high, unsigned int low) {
    const uintptr_t address = (uintptr_t{high} << 32) | low;
    State& state = *reinterpret_cast<State*>(address);
    state.switches.entered();
    try {
      state.body();
    } catch (...) {
      state.error = std::current_exception();
    }
    state.ended = true;
    state.switches.leave(true);
    ::swapcontext(&state.inside, &state.outside);
  }

  std::function<void()> body;
  Handle<StackTraits> stack;
  FiberSwitches switches;  // for sanitizers
  ucontext_t inside{};
  ucontext_t outside{};
  std::exception_ptr error;
  bool ended = true;
};

Fiber::Fiber(std::function<void()> body) : state_(std::make_unique<State>(std::move(body))) {
  restart();
}

Fiber::~Fiber() = default;

void Fiber::restart() {
  State& state = *state_;
  require(state.ended, "a fiber that is under way cannot begin anew", "Fiber::restart");
  require(::getcontext(&state.inside) == 0, "getcontext failed", "Fiber::restart");
  state.inside.uc_stack.ss_sp = static_cast<char*>(state.stack.get()) + page_bytes;
  state.inside.uc_stack.ss_size = stack_bytes - page_bytes;
  state.inside.uc_link = nullptr;
  const auto address = reinterpret_cast<uintptr_t>(&state);
  ::makecontext(&state.inside, reinterpret_cast<void (*)()>(&State::enter), 2,
                static_cast<unsigned int>(address >> 32), static_cast<unsigned int>(address));
  state.ended = false;
}

bool Fiber::resume() {
  State& state = *state_;
  if (!state.ended) {
    state.switches.enter(state.inside.uc_stack.ss_sp, state.inside.uc_stack.ss_size);
    ::swapcontext(&state.outside, &state.inside);
    state.switches.left();
  }
  if (state.error) std::rethrow_exception(std::exchange(state.error, nullptr));
  return state.ended;
}

void Fiber::leave() {
  State& state = *state_;
  state.switches.leave(false);
  ::swapcontext(&state.inside, &state.outside);
  state.switches.entered();
}

}  // namespace podium
