// Uploader: the H2D stage of a rank, on a thread of its own, so that a schedule may let it run
// beside the broadcast.
//
// One bucket is brought at a time: request() says which, wait() until it is there. A failure is
// told by wait(), as a text. Nothing is allocated between the two.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "ckpt/engine/stages.hpp"
#include "core/trace.hpp"

namespace podium::ckpt::engine {

class Uploader {
 public:
  // `stages` outlives it. Up to `spans` uploads are recorded.
  Uploader(Stages& stages, size_t spans);
  ~Uploader();
  Uploader(const Uploader&) = delete;
  Uploader& operator=(const Uploader&) = delete;

  // REQUIRES: nothing was requested that has not been waited for.
  void request(size_t buffer, std::span<const std::byte> bucket);
  // Empty, or why it failed.
  const std::string& wait();

  // REQUIRES: nothing is under way.
  SpanRecorder& spans() { return spans_; }

 private:
  void run();

  Stages& stages_;
  SpanRecorder spans_;
  std::mutex mutex_;
  std::condition_variable changed_;
  size_t buffer_ = 0;
  std::span<const std::byte> bucket_;
  bool busy_ = false;
  bool ending_ = false;
  std::string failure_;
  std::thread thread_;
};

}  // namespace podium::ckpt::engine
