// Thousands of malformed requests over real sockets, a million with PODIUM_LONG_TESTS set: each
// gets the right 4xx, no replica dies, and a client beside them is not disturbed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "hostile_requests.hpp"
#include "load.hpp"
#include "raw_connection.hpp"
#include "service_fixture.hpp"

namespace podium::serve::test {
namespace {

uint64_t request_count() {
  constexpr uint64_t few = 3000;
  constexpr uint64_t many = 1'000'000;
  return std::getenv("PODIUM_LONG_TESTS") == nullptr ? few : many;
}

// Sends hostile requests one after the other, over one connection as long as the service keeps it.
class Stranger {
 public:
  explicit Stranger(int port) : port_(port) {}

  // The status; 0 for none.
  int ask(const HostileRequest& request) {
    if (!connection_) connect();
    connection_->send(request.bytes);
    if (request.ends) connection_->end_sending();
    const int status = connection_->take_answer();
    const bool kept = status == 404 || status == 405;
    if (!kept || request.ends) connection_.reset();
    return status;
  }

 private:
  // From addresses in turn: a port that was closed cannot be used again at once.
  void connect() {
    const std::string source = "127.0.0." + std::to_string(2 + ++connections_ % 200);
    connection_.emplace(port_, source.c_str());
    if (!connection_->connected()) throw std::runtime_error("the service takes no connection");
  }

  int port_;
  uint64_t connections_ = 0;
  std::optional<RawConnection> connection_;
};

std::string shown(const std::string& bytes) {
  return bytes.substr(0, std::min<size_t>(bytes.size(), 200));
}

using Hostile = ServiceTest;

TEST_F(Hostile, RequestsGetTheirStatusAndDisturbNobody) {
  start_serving(options(), "shift 1");
  Load others(service_->port(), 1);
  Stranger stranger(service_->port());
  const HostileRequests requests;
  int wrong = 0;
  for (uint64_t number = 0; number < request_count() && wrong < 10; ++number) {
    const HostileRequest request = requests.request(number);
    const int status = stranger.ask(request);
    if (std::ranges::find(request.statuses, status) != request.statuses.end()) continue;
    ++wrong;
    ADD_FAILURE() << "request " << number << " got " << status << ": " << shown(request.bytes);
  }
  others.stop();
  EXPECT_EQ(others.complaints(), std::vector<std::string>{});
  EXPECT_GT(others.answered(), 0);
  const ServiceStats stats = service_->stats();
  EXPECT_EQ(stats.restarts, 0);
  EXPECT_EQ(stats.failed, 0);
  std::printf("%llu hostile requests; beside them %d sound ones\n",
              static_cast<unsigned long long>(request_count()), others.answered());
}

}  // namespace
}  // namespace podium::serve::test
