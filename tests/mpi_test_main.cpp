#include "mpi_test_main.hpp"

#include <gtest/gtest.h>

podium::comm::MpiEnvironment* podium::test::environment = nullptr;

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  podium::comm::MpiEnvironment mpi;
  podium::test::environment = &mpi;
  const int failed = RUN_ALL_TESTS();
  mpi.finalize();
  return failed;
}
