// The command line of a replica process.
#include <algorithm>
#include <charconv>

#include "core/error.hpp"
#include "serve/replica/replica.hpp"
#include "serve/service.hpp"

namespace podium::serve {
namespace {

constexpr size_t fixed_arguments = 9;  // replica_verb and eight options

int64_t whole_number(const std::string& text, const char* what) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) {
    throw usage_error("'" + text + "' is not a " + what, replica_verb,
                      "replicas are started by podium serve");
  }
  return value;
}

}  // namespace

ReplicaCommand replica_command(const ServiceOptions& options, const std::string& name) {
  ReplicaCommand command;
  command.options.name = name;
  command.options.max_batch = options.max_batch;
  command.options.batch_delay = options.batch_delay;
  command.options.batch_target_p99 = options.batch_target_p99;
  command.options.max_body_bytes = options.max_body_bytes;
  command.options.deciding = options.feedback.deciding();
  if (options.tracer != nullptr) command.options.trace = options.tracer->ticket().text();
  command.options.rank = options.rank;
  command.more = options.replica_arguments;
  return command;
}

bool is_replica_command(const std::vector<std::string>& arguments) {
  return !arguments.empty() && arguments.front() == replica_verb;
}

ReplicaCommand parse_replica_command(const std::vector<std::string>& arguments) {
  if (arguments.size() < fixed_arguments || !is_replica_command(arguments)) {
    throw usage_error("too few arguments", replica_verb, "replicas are started by podium serve");
  }
  ReplicaCommand command;
  command.options.name = arguments[1];
  command.options.max_batch = static_cast<int>(whole_number(arguments[2], "batch size"));
  command.options.batch_delay =
      std::chrono::milliseconds(whole_number(arguments[3], "batch delay in ms"));
  command.options.max_body_bytes =
      static_cast<size_t>(whole_number(arguments[4], "body size in bytes"));
  command.options.batch_target_p99 =
      std::chrono::milliseconds(whole_number(arguments[5], "p99 in ms"));
  const int64_t deciding = whole_number(arguments[6], "way to decide");
  command.options.deciding =
      static_cast<Deciding>(std::min<int64_t>(deciding, static_cast<int64_t>(Deciding::explore)));
  command.options.trace = arguments[7];
  command.options.rank = static_cast<int>(whole_number(arguments[8], "rank"));
  command.more.assign(arguments.begin() + fixed_arguments, arguments.end());
  return command;
}

std::vector<std::string> replica_arguments(const ReplicaCommand& command) {
  std::vector<std::string> arguments = {replica_verb,
                                        command.options.name,
                                        std::to_string(command.options.max_batch),
                                        std::to_string(command.options.batch_delay.count()),
                                        std::to_string(command.options.max_body_bytes),
                                        std::to_string(command.options.batch_target_p99.count()),
                                        std::to_string(static_cast<int>(command.options.deciding)),
                                        command.options.trace,
                                        std::to_string(command.options.rank)};
  arguments.insert(arguments.end(), command.more.begin(), command.more.end());
  return arguments;
}

}  // namespace podium::serve
