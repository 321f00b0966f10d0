// Serving in the service of another job: what a service leaves for those that join it, and the
// joining (docs/serving.md, "Replicas of other jobs").
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>

#include "comm/communicator.hpp"
#include "core/log.hpp"
#include "serve/replica/joiner.hpp"
#include "workflow/settings.hpp"

namespace podium::workflow {

// RUN/serve.json holds address and secret, so it is for its user's eyes only. Throws io_error;
// data_error for a file that is none.
void write_join_file(const std::filesystem::path& path, const serve::JoinAddress& address);
serve::JoinAddress read_join_file(const std::filesystem::path& path);

// Writes that file once the service has opened its join port; the file stays, so that who joins
// finds the next service of the run folder.
class JoinInvitation {
 public:
  JoinInvitation(const Settings& settings, int index);

  // To be called now and then.
  void offer(const Settings& settings, const serve::Service& service);

 private:
  std::filesystem::path file_;
  int offered_port_ = 0;
};

// Keeps --serve.replicas replicas per rank in the service that --serve.join names, until SIGTERM,
// SIGINT, SIGUSR1 or the end of --serve.linger (0 means forever). Returns a serving rank's
// counters, which are all zero: the service counts. Throws what is wrong with the file, and
// unavailable_error when all of --serve.linger went by and none could join.
nlohmann::ordered_json serve_in_another_job(const Settings& settings, comm::Communicator& group,
                                            const Log& log);

}  // namespace podium::workflow
