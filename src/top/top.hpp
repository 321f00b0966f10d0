// A live view of a running service.
#pragma once

#include <atomic>
#include <chrono>
#include <string>

#include "serve/client/credentials.hpp"

namespace podium::top {

struct TopOptions {
  std::string host;
  int port = 0;
  serve::Credentials credentials;
  std::chrono::milliseconds interval{1000};
  int count = 0;  // pages to show; 0: until `q`
};

// Shows a page every interval, until `q` is typed, `stop` is true or all pages are shown. A service
// that goes away is told in the view, and asked again. Returns how many pages were shown. Throws
// unavailable_error when none answers at first, or for the last of `count` pages.
int run_top(const TopOptions& options, const std::atomic<bool>& stop);

}  // namespace podium::top
