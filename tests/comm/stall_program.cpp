// Sums over and over, under mpirun, while something happens to rank 1 in the middle of it: for
// stall_test.cpp. Exits as `podium` would: 0, or 70 with one error line.
//
//   stall_program ALGORITHM COUNT stop|slow|kill
//
// A child of rank 1 that has no MPI sends its parent the signals, so that they come at any point of
// a sum.
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>

#include "comm/allreduce_checks.hpp"
#include "comm/mpi/mpi_environment.hpp"
#include "core/error.hpp"

namespace podium {
namespace {

constexpr int victim = 1;
constexpr auto limit = std::chrono::milliseconds(2000);
constexpr int rounds_before = 5;

void sleep_ms(int ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds(ms));
}

[[noreturn]] void torment(const std::string& fault, int start) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const pid_t parent = ::getppid();
  char byte = 0;
  if (::read(start, &byte, 1) != 1) std::_Exit(0);
  sleep_ms(10);
  if (fault == "kill") ::kill(parent, SIGKILL);
  if (fault == "stop") ::kill(parent, SIGSTOP);
  for (int i = 0; fault == "slow" && i < 4; ++i) {
    ::kill(parent, SIGSTOP);
    sleep_ms(300);
    ::kill(parent, SIGCONT);
    sleep_ms(37);
  }
  std::_Exit(0);
}

// The end of a pipe that starts the child.
int start_tormentor(const std::string& fault) {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) std::_Exit(1);
  if (::fork() == 0) torment(fault, ends[0]);
  return ends[1];
}

void sum_for(comm::Communicator& group, comm::AllReduce& allreduce, size_t count, double seconds,
             int trigger) {
  const Stopwatch watch;
  bool goes_on = true;
  for (int round = 0; goes_on; ++round) {
    if (round == rounds_before && group.rank() == victim && ::write(trigger, "x", 1) != 1) return;
    std::vector<float> values = test::contributions<float>(count, group.rank());
    allreduce.sum(std::span<float>(values), "gradients");
    for (size_t i = 0; i < count; ++i) {
      if (values[i] == test::expected_sum<float>(i, group.size())) continue;
      throw internal_error("a wrong sum", "stall_program");
    }
    // All agree when it is enough.
    std::array<double, 1> over{watch.seconds() > seconds ? 1.0 : 0.0};
    allreduce.sum(std::span<double>(over), "time");
    goes_on = over[0] == 0;
  }
}

int run(const std::string& algorithm, size_t count, const std::string& fault) {
  const int trigger = start_tormentor(fault);
  comm::MpiEnvironment mpi;
  try {
    const std::unique_ptr<comm::Communicator> group = mpi.world("stall");
    group->set_policy({limit, Backoff::Kind::hot});
    comm::AllReduceOptions options;
    options.algorithm = comm::parse_algorithm(algorithm);
    comm::AllReduce allreduce(*group, options);
    sum_for(*group, allreduce, count, 3, trigger);
  } catch (const Error& error) {
    std::cerr << "podium: error: rank " << mpi.rank() << ": " << error.what() << std::endl;
    comm::MpiEnvironment::abort(error.code());
  }
  mpi.finalize();
  return 0;
}

}  // namespace
}  // namespace podium

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  return podium::run(argv[1], std::stoul(argv[2]), argv[3]);
}
