#include "workflow/join_step.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <nlohmann/json.hpp>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/file_descriptor.hpp"
#include "core/signals.hpp"
#include "io/files/atomic_file.hpp"
#include "workflow/job.hpp"
#include "workflow/serve_step.hpp"

namespace podium::workflow {
namespace {

using Json = nlohmann::ordered_json;

// A name by which other nodes reach this one, for a service that listens on all its addresses.
std::string reachable(const std::string& address) {
  return address == "0.0.0.0" || address == "::" ? node_name() : address;
}

}  // namespace

// Complete under its name or not there, and never readable by others.
void write_join_file(const std::filesystem::path& path, const serve::JoinAddress& address) {
  const Json json = {{"host", address.host}, {"port", address.port}, {"secret", address.secret}};
  const std::string text = json.dump(2) + "\n";
  const std::filesystem::path fresh = path.string() + ".new";
  ::unlink(fresh.c_str());
  const FileDescriptor file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      ::rename(fresh.c_str(), path.c_str()) != 0) {
    throw io_error("cannot write where replicas join", path.string(), errno);
  }
}

serve::JoinAddress read_join_file(const std::filesystem::path& path) {
  std::error_code unknown;  // then reading says why
  if (std::filesystem::exists(path, unknown) && !std::filesystem::is_regular_file(path, unknown)) {
    throw data_error("this is not a regular file", path.string(),
                     "give the serve.json of a service with --serve.join_port");
  }
  const Json json = Json::parse(io::read_text_file(path), nullptr, false);
  const bool whole = json.is_object() && json.contains("host") && json["host"].is_string() &&
                     json.contains("port") && json["port"].is_number_unsigned() &&
                     json["port"] >= 1 && json["port"] <= 65535 && json.contains("secret") &&
                     json["secret"].is_string();
  if (!whole) {
    throw data_error("this file does not say where to join", path.string(),
                     "give the serve.json of a service with --serve.join_port");
  }
  return {json["host"], json["port"], json["secret"]};
}

JoinInvitation::JoinInvitation(const Settings& settings, int index)
    : file_(settings.run_dir /
            (index == 0 ? "serve.json" : "serve-" + std::to_string(index) + ".json")) {}

void JoinInvitation::offer(const Settings& settings, const serve::Service& service) {
  if (settings.service.join_port < 0) return;
  const int port = service.join_port();
  if (port == offered_port_) return;
  write_join_file(file_, {reachable(settings.service.address), port, settings.service.join_secret});
  offered_port_ = port;
}

nlohmann::ordered_json serve_in_another_job(const Settings& settings, comm::Communicator& group,
                                            const Log& log) {
  std::atomic<bool> stop{false};
  const SignalWatch signals({SIGTERM, SIGINT, SIGUSR1}, [&stop](int) { stop = true; });
  read_join_file(settings.join_service);
  serve::ServiceOptions options = service_options_of(settings, group.rank());
  options.replica_prefix = node_name() + "-" + std::to_string(::getpid()) + "-";
  const serve::Joiner joiner(
      options, [&] { return read_join_file(settings.join_service); }, log);
  const bool forever = settings.linger_forever || settings.linger.count() == 0;
  const Deadline end(settings.linger);
  Backoff backoff(Backoff::Kind::idle);
  while (!stop && (forever || !end.expired())) backoff.pause();
  if (!stop && !joiner.has_joined()) {
    throw unavailable_error("no replica of this job could join", settings.join_service.string(),
                            "see whether that service runs and its join port is reachable");
  }
  return to_json(serve::ServiceStats());
}

}  // namespace podium::workflow
