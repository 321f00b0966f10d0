// Ranks as threads, for tests of what they do together.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "comm/inproc/inproc_world.hpp"
#include "core/error.hpp"

namespace podium::test {

// Runs `body` on every rank of a new world, each in a thread; the messages of their errors.
inline std::vector<std::string> on_thread_ranks(
    int ranks, const std::function<void(comm::Communicator&)>& body) {
  comm::InprocWorld world(ranks, "test");
  std::vector<std::string> errors(static_cast<size_t>(ranks));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < ranks; ++rank) {
    threads.emplace_back([&, rank] {
      const std::unique_ptr<comm::Communicator> group = world.communicator(rank);
      group->set_policy({std::chrono::seconds(60), Backoff::Kind::hot});
      try {
        body(*group);
      } catch (const Error& error) {
        errors[static_cast<size_t>(rank)] = error.what();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return errors;
}

inline void expect_no_errors(const std::vector<std::string>& errors) {
  for (const std::string& error : errors) EXPECT_EQ(error, "");
}

}  // namespace podium::test
