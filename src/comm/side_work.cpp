#include "comm/side_work.hpp"

#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "core/error.hpp"
#include "core/fiber.hpp"

namespace podium::comm {
namespace {

class LateWork final : public SideWork {
 public:
  explicit LateWork(std::function<void()> work) : work_(std::move(work)) {}

  void start() override {}
  void poll() override {}
  void finish() override { work_(); }
  void until(const std::function<bool()>& done) override {
    require(done(), "work that is done late waits for nothing", "SideWork");
  }
  bool give_way() override { return false; }

 private:
  std::function<void()> work_;
};

class PolledWork final : public SideWork {
 public:
  explicit PolledWork(std::function<void()> work) : fiber_(std::move(work)) {}

  void start() override {
    if (begun_) fiber_.restart();
    begun_ = true;
    finishing_ = false;
  }
  void poll() override { fiber_.resume(); }
  void finish() override {
    finishing_ = true;
    while (!fiber_.resume()) {
    }
  }
  void until(const std::function<bool()>& done) override {
    while (!done()) fiber_.leave();
  }
  bool give_way() override {
    if (finishing_) return false;
    fiber_.leave();
    return true;
  }

 private:
  Fiber fiber_;
  bool begun_ = false;
  bool finishing_ = false;  // there is no other work
};

// A wait of either side ends by itself: the work's by the limit of its group, ours with the work.
class ThreadWork final : public SideWork {
 public:
  explicit ThreadWork(std::function<void()> work)
      : work_(std::move(work)), thread_([this] { serve(); }) {}
  ~ThreadWork() override {
    {
      const std::lock_guard lock(mutex_);
      dropped_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  ThreadWork(const ThreadWork&) = delete;
  ThreadWork& operator=(const ThreadWork&) = delete;

  void start() override {
    {
      const std::lock_guard lock(mutex_);
      busy_ = true;
    }
    changed_.notify_all();
  }

  void poll() override {
    {
      const std::lock_guard lock(mutex_);
      if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
    }
    changed_.notify_all();
  }

  void finish() override {
    changed_.notify_all();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !busy_; });
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  }

  void until(const std::function<bool()>& done) override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return dropped_ || done(); });
    check_wanted();
  }

  bool give_way() override {
    const std::lock_guard lock(mutex_);
    check_wanted();
    return false;
  }

 private:
  void check_wanted() const {
    if (dropped_) throw internal_error("an exchange was dropped", "SideWork");
  }

  void serve() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return busy_ || dropped_; });
      if (dropped_) return;
      lock.unlock();
      std::exception_ptr error;
      try {
        work_();
      } catch (...) {
        error = std::current_exception();
      }
      lock.lock();
      error_ = error;
      busy_ = false;
      changed_.notify_all();
    }
  }

  std::function<void()> work_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool busy_ = false;
  bool dropped_ = false;
  std::exception_ptr error_;
  std::thread thread_;  // last: it uses the others
};

}  // namespace

Overlap parse_overlap(const std::string& text) {
  if (text == "polling") return Overlap::polling;
  if (text == "thread") return Overlap::thread;
  if (text == "off") return Overlap::off;
  throw usage_error("no way to overlap exchanges is called '" + text + "'", "--comm.overlap",
                    "use polling, thread or off");
}

std::unique_ptr<SideWork> make_side_work(Overlap how, std::function<void()> work) {
  switch (how) {
    case Overlap::polling:
      return std::make_unique<PolledWork>(std::move(work));
    case Overlap::thread:
      return std::make_unique<ThreadWork>(std::move(work));
    case Overlap::off:
      break;
  }
  return std::make_unique<LateWork>(std::move(work));
}

}  // namespace podium::comm
