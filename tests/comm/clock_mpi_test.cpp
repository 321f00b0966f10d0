// The clocks of ranks over real MPI.
#include <gtest/gtest.h>

#include "comm/clock_checks.hpp"
#include "mpi_test_main.hpp"

namespace podium::comm {
namespace {

TEST(ClockMpi, EventsLieWhereTheyWere) {
  const auto group = podium::test::environment->world("clock");
  for (int times = 0; times < 5; ++times) test::check_clocks(*group);
}

}  // namespace
}  // namespace podium::comm
