// Sums over and over, under mpirun, while something happens to rank 1 in the middle of it, or it
// sums another length all at once: for stall_test.cpp. Exits as `podium` would: 0, or 70 with one
// error line.
//
//   stall_program ALGORITHM COUNT stop|slow|kill|length RANKS_PER_NODE WIRE
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

#include "comm/allreduce/allreduce.hpp"
#include "comm/mpi/mpi_environment.hpp"
#include "core/error.hpp"

namespace podium {
namespace {

constexpr int victim = 1;
constexpr auto limit = std::chrono::milliseconds(4000);
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

// `odd_one`: elements that the victim adds to its vector once.
void sum_for(comm::Communicator& group, comm::AllReduce& allreduce, size_t count, double seconds,
             int trigger, size_t odd_one) {
  std::vector<float> values(count);
  std::vector<float> residual(count);
  Stopwatch watch;  // from the fault on
  bool goes_on = true;
  for (int round = 0; goes_on; ++round) {
    if (round <= rounds_before) watch = Stopwatch();
    if (round == rounds_before && group.rank() == victim) {
      if (::write(trigger, "x", 1) != 1) return;
      values.resize(count + odd_one);
      residual.resize(count + odd_one);
    }
    // Sums of these are below 256, up to which bf16 has every integer.
    for (size_t i = 0; i < count; ++i) {
      values[i] = static_cast<float>(i % 23) + static_cast<float>(group.rank());
    }
    allreduce.sum(std::span<float>(values), "gradients", residual);
    for (size_t i = 0; i < count; ++i) {
      const int ranks = group.size();
      const int sum = ranks * static_cast<int>(i % 23) + ranks * (ranks - 1) / 2;
      if (values[i] == static_cast<float>(sum)) continue;
      throw internal_error("a wrong sum", "stall_program");
    }
    // All agree when it is enough.
    std::array<double, 1> over{watch.seconds() > seconds ? 1.0 : 0.0};
    allreduce.sum(std::span<double>(over), "time");
    goes_on = over[0] == 0;
  }
}

int run(comm::AllReduceOptions options, size_t count, const std::string& fault, int per_node) {
  const int trigger = start_tormentor(fault);
  comm::MpiEnvironment mpi;
  try {
    const std::unique_ptr<comm::Communicator> group = mpi.world("stall");
    group->set_policy({limit, Backoff::Kind::hot});
    options.node = "node " + std::to_string(mpi.rank() / per_node);
    comm::AllReduce allreduce(*group, options);
    sum_for(*group, allreduce, count, fault == "slow" ? 3 : 30, trigger, fault == "length" ? 1 : 0);
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
  if (argc != 6) return 2;
  podium::comm::AllReduceOptions options;
  options.algorithm = podium::comm::parse_algorithm(argv[1]);
  options.wire = podium::comm::parse_wire(argv[5]);
  return podium::run(options, std::stoul(argv[2]), argv[3], std::stoi(argv[4]));
}
