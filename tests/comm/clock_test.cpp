// The clocks of ranks that are threads.
#include "comm/clock_checks.hpp"
#include "comm/thread_ranks.hpp"

namespace podium::comm {
namespace {

class ClockOnThreads : public testing::TestWithParam<int> {};

TEST_P(ClockOnThreads, EventsLieWhereTheyWere) {
  podium::test::expect_no_errors(podium::test::on_thread_ranks(GetParam(), test::check_clocks));
}

INSTANTIATE_TEST_SUITE_P(Each, ClockOnThreads, testing::Values(1, 2, 3, 6));

TEST(Clock, RanksThatShareOneMeasureNothing) {
  podium::test::expect_no_errors(podium::test::on_thread_ranks(
      3, [](Communicator& group) { EXPECT_FALSE(measure_clock(group).has_value()); }));
}

}  // namespace
}  // namespace podium::comm
