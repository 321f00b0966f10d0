// The blocks of grids. Threads of a block are run by fibers: one takes thread after thread, until
// one waits at a barrier; that fiber stays with it and another goes on. So a kernel without
// barriers costs no change of fibers. Fibers are entered by setcontext() once, and by _longjmp()
// from then on, which needs no system call.
#include <cuda_runtime_api.h>
#include <setjmp.h>
#include <ucontext.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

namespace emulated {
namespace {

constexpr unsigned most_threads = 1024;  // of a block, as on GPUs
constexpr unsigned most_rows = 65535;    // of a grid, as on GPUs
constexpr size_t stack_bytes = 64 << 10;

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "emulated GPU: %s\n", what);
  std::abort();
}

struct Fiber {
  ucontext_t context;  // how it begins
  jmp_buf place;       // how it goes on
  bool began = false;
  std::unique_ptr<char[]> stack = std::make_unique<char[]>(stack_bytes);
  uint3 thread{};  // that it is with
  bool waits = false;
};

class Runner {
 public:
  void run(const std::function<void()>& kernel, unsigned threads);
  void wait();
  uint64_t& slot(unsigned thread) { return slots_[thread]; }

 private:
  static void enter();
  static void prepare(Fiber& fiber);
  [[noreturn]] static void go_to(Fiber& fiber);
  void take_threads();
  void resume(Fiber& fiber);
  void stop();
  Fiber& idle();

  const std::function<void()>* kernel_ = nullptr;
  unsigned threads_ = 0;
  unsigned next_ = 0;  // the first thread that has not begun
  jmp_buf scheduler_;
  Fiber* running_ = nullptr;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Fiber*> idle_;
  std::vector<uint64_t> slots_ = std::vector<uint64_t>(most_threads);
};

Runner& runner() {
  static thread_local Runner runner;
  return runner;
}

void Runner::run(const std::function<void()>& kernel, unsigned threads) {
  kernel_ = &kernel;
  threads_ = threads;
  next_ = 0;
  std::vector<Fiber*> waiting;
  const auto run_on = [&](Fiber& fiber) {
    resume(fiber);
    if (fiber.waits) {
      waiting.push_back(&fiber);
    } else {
      idle_.push_back(&fiber);
    }
  };
  while (next_ < threads_) run_on(idle());
  while (!waiting.empty()) {
    const std::vector<Fiber*> passing = std::exchange(waiting, {});
    for (Fiber* fiber : passing) run_on(*fiber);
  }
}

// A fiber that is with no thread.
Fiber& Runner::idle() {
  if (idle_.empty()) {
    fibers_.push_back(std::make_unique<Fiber>());
    prepare(*fibers_.back());
    return *fibers_.back();
  }
  Fiber& found = *idle_.back();
  idle_.pop_back();
  return found;
}

void Runner::prepare(Fiber& fiber) {
  getcontext(&fiber.context);
  fiber.context.uc_stack.ss_sp = fiber.stack.get();
  fiber.context.uc_stack.ss_size = stack_bytes;
  fiber.context.uc_link = nullptr;
  makecontext(&fiber.context, enter, 0);
}

void Runner::resume(Fiber& fiber) {
  running_ = &fiber;
  if (fiber.waits) place().thread = fiber.thread;
  fiber.waits = false;
  if (_setjmp(scheduler_) == 0) go_to(fiber);
  running_ = nullptr;
}

void Runner::go_to(Fiber& fiber) {
  if (fiber.began) _longjmp(fiber.place, 1);
  fiber.began = true;
  setcontext(&fiber.context);
  fail("a fiber does not begin");
}

// The running fiber stops until it is resumed.
void Runner::stop() {
  if (_setjmp(running_->place) == 0) _longjmp(scheduler_, 1);
}

void Runner::enter() {
  runner().take_threads();
}

void Runner::take_threads() {
  for (;;) {
    while (next_ < threads_) {
      const unsigned number = next_++;
      const dim3& size = place().block_size;
      place().thread = {number % size.x, number / size.x % size.y, number / size.x / size.y};
      (*kernel_)();
    }
    stop();
  }
}

void Runner::wait() {
  if (running_ == nullptr) fail("a barrier outside of a kernel");
  Fiber& mine = *running_;
  mine.thread = place().thread;
  mine.waits = true;
  stop();
}

void run_grid(const Grid& grid, const std::function<void()>& kernel) {
  const unsigned threads = grid.threads.x * grid.threads.y * grid.threads.z;
  place().block_size = grid.threads;
  place().grid_size = grid.blocks;
  for (unsigned z = 0; z < grid.blocks.z; ++z) {
    for (unsigned y = 0; y < grid.blocks.y; ++y) {
      for (unsigned x = 0; x < grid.blocks.x; ++x) {
        place().block = {x, y, z};
        runner().run(kernel, threads);
      }
    }
  }
}

bool is_possible(const Grid& grid) {
  const uint64_t threads = uint64_t{grid.threads.x} * grid.threads.y * grid.threads.z;
  return threads > 0 && threads <= most_threads && grid.blocks.x > 0 && grid.blocks.y > 0 &&
         grid.blocks.z > 0 && grid.blocks.y <= most_rows && grid.blocks.z <= most_rows;
}

}  // namespace

void barrier() {
  runner().wait();
}

uint64_t& slot(unsigned thread) {
  return runner().slot(thread);
}

void launch_grid(const Grid& grid, std::function<void()> kernel) {
  if (!is_possible(grid)) {
    refuse(cudaErrorInvalidConfiguration);
    return;
  }
  submit([grid, kernel = std::move(kernel)] { run_grid(grid, kernel); });
}

}  // namespace emulated
