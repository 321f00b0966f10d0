// HangWatch: a limit on calls that block inside MPI, where no deadline of ours is looked at.
//
// A thread of its own looks every tenth of a second whether the call under way has overstayed. If
// so it prints the one error line and ends the job with exit code 70. The calling thread only
// writes down when its time is over, so a guard costs little.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace podium::comm {

class HangWatch {
 public:
  HangWatch();
  ~HangWatch();
  HangWatch(const HangWatch&) = delete;
  HangWatch& operator=(const HangWatch&) = delete;

  // Watches from its making to its end. One at a time. `story` is called by the watch's thread, and
  // only meanwhile.
  class Guard {
   public:
    Guard(HangWatch& watch, std::chrono::milliseconds limit, std::function<std::string()> story);
    ~Guard();
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

   private:
    HangWatch& watch_;
  };

 private:
  void look();

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  int64_t due_ns_ = 0;  // of the steady clock; 0: nothing is watched
  std::function<std::string()> story_;
  bool ends_ = false;
  std::thread thread_;
};

}  // namespace podium::comm
