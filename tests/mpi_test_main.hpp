// What tests share that run as ranks of an MPI job: one MPI, started before the first of them by
// the main function of mpi_test_main.cpp and ended after the last.
#pragma once

#include "comm/mpi/mpi_environment.hpp"

namespace podium::test {

extern comm::MpiEnvironment* environment;  // set once in main, before the tests run

}  // namespace podium::test
