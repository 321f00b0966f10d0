#include "ckpt/engine/worker.hpp"

#include "ckpt/engine/receiver.hpp"
#include "core/error.hpp"

namespace podium::ckpt::engine {
namespace {

constexpr std::chrono::hours forever{24};  // the engine's end is seen at once

}  // namespace

std::vector<std::string> worker_arguments(const std::string& gate, const std::string& name,
                                          size_t part, size_t parts) {
  return {worker_verb, gate, name, std::to_string(part), std::to_string(parts)};
}

bool is_worker_command(const std::vector<std::string>& arguments) {
  return arguments.size() == 5 && arguments.front() == worker_verb;
}

int run_worker(const std::vector<std::string>& arguments) {
  ReceiverOptions options;
  options.name = arguments[2];
  options.part = std::stoul(arguments[3]);
  options.parts = std::stoul(arguments[4]);
  options.keeps_on_gpu = true;
  try {
    Receiver receiver(arguments[1], options);
    while (true) receiver.take(forever);
  } catch (const Error&) {
    return 0;  // the engine has gone
  }
}

}  // namespace podium::ckpt::engine
