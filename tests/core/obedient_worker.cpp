#include "core/obedient_worker.hpp"

#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "core/channel.hpp"
#include "core/cpu_time.hpp"
#include "core/worker_process.hpp"

namespace podium::test {
namespace {

using namespace std::chrono_literals;

constexpr const char* word = "__test_obedient";
constexpr auto life_limit = 60s;  // a test is over by then
constexpr size_t most_bytes = size_t{1} << 20;
constexpr int stillborn_status = 3;

void burn(double seconds) {
  while (process_cpu_s() < seconds) {
  }
}

}  // namespace

std::vector<std::string> obedient_command() {
  return {word, "obeys"};
}

std::vector<std::string> stillborn_command() {
  return {word, "dies"};
}

bool is_obedient_command(const std::vector<std::string>& arguments) {
  return arguments.size() == 2 && arguments.front() == word;
}

int run_obedient(const std::vector<std::string>& arguments) {
  if (arguments == stillborn_command()) return stillborn_status;
  Channel channel(FileDescriptor(worker_socket_fd), most_bytes);
  while (const auto order = channel.receive(life_limit)) {
    if (order->contains("say")) channel.send(*order, life_limit);
    if (order->contains("exit")) std::_Exit(order->at("exit").get<int>());
    if (order->contains("signal")) ::raise(order->at("signal").get<int>());
    if (order->contains("hang")) ::sleep(static_cast<unsigned>(life_limit.count()));
    if (order->contains("burn")) {
      burn(order->at("burn").get<double>());
      channel.send({{"burnt", true}}, life_limit);
    }
  }
  return 0;
}

}  // namespace podium::test
