#include "search/tiny_search.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cctype>
#include <csignal>

#include "app/process.hpp"
#include "core/channel.hpp"
#include "core/obedient_worker.hpp"
#include "ps/tcp/server_group.hpp"
#include "search/controller_worker.hpp"

namespace podium::search::tiny {
namespace {

using namespace std::chrono_literals;

constexpr const char* controller_word = "__tiny_controller";
constexpr const char* child_word = "__tiny_child";
constexpr auto life_limit = 60s;  // a test is over by then
constexpr int dead_of_a_network = 9;

void kill_all(const char* word) {
  for (const pid_t pid : podium::test::children_of(::getpid())) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/cmdline");
    std::ostringstream command;
    command << file.rdbuf();
    if (command.str().find(word) != std::string::npos) ::kill(pid, SIGKILL);
  }
}

int run_child(Channel& channel, double deadly) {
  while (const auto order = channel.receive(life_limit)) {
    channel.send({{"trains", true}}, life_limit);
    const double reward = reward_of(order->at("train").get<std::string>());
    if (reward < deadly) return dead_of_a_network;
    channel.send({{"done", true},
                  {"reward", reward},
                  {"epochs", 1},
                  {"seconds", 0.001},
                  {"reason", ""},
                  {"repeatable", true}},
                 life_limit);
  }
  return 0;
}

}  // namespace

double reward_of(const std::string& architecture) {
  double sum = 0;
  double digits = 0;
  for (const char each : architecture) {
    if (std::isdigit(static_cast<unsigned char>(each)) == 0) continue;
    sum += each - '0';
    ++digits;
  }
  return digits > 0 ? 0.1 * sum / digits : 0;
}

std::vector<CrewMember> members(const SearchLayout& layout, const std::string& space,
                                const MethodOptions& method, double deadly) {
  std::vector<CrewMember> members;
  for (int worker = 0; worker < layout.workers(); ++worker) {
    const std::string number = std::to_string(worker);
    if (layout.is_controller(worker)) {
      members.push_back(
          {worker, "controller " + number, {controller_word, space, method.name, number}, false});
    } else {
      members.push_back(
          {worker, "child " + number, {child_word, std::to_string(deadly)}, true, true});
    }
  }
  return members;
}

void kill_controllers() {
  kill_all(controller_word);
}

void kill_servers() {
  kill_all("__ps_server");
}

bool is_worker_command(const std::vector<std::string>& arguments) {
  return !arguments.empty() &&
         (arguments.front() == controller_word || arguments.front() == child_word);
}

int run_worker(const std::vector<std::string>& arguments) {
  Channel channel(FileDescriptor(worker_socket_fd), most_message_bytes);
  if (arguments.front() == child_word) return run_child(channel, std::stod(arguments.at(1)));
  MethodOptions method;
  method.name = arguments.at(2);
  method.replica = std::stoull(arguments.at(3));
  method.reinforce.controller.units = units;
  run_controller(channel, Space::parse(arguments.at(1)), method, {});
  return 0;
}

}  // namespace podium::search::tiny

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (podium::ps::is_server_command(arguments)) podium::ps::run_server(arguments);
  if (podium::test::is_obedient_command(arguments)) return podium::test::run_obedient(arguments);
  if (podium::search::tiny::is_worker_command(arguments)) {
    return podium::search::tiny::run_worker(arguments);
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
