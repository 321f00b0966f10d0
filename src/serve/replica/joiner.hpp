// Joiner: a job's replicas in the service of another job.
//
// Each replica is a worker process of this job and has a TCP connection to the service's join port
// (join_door.hpp), between which the joiner carries the bytes as they come. When either ends, so
// does the other, and after a pause both begin anew: a replica that died, a service that restarted
// and a network that was cut look the same. The address is read anew each time, for it may have
// changed.
//
// Threads: a Joiner owns one thread, which sleeps when nothing arrives.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/log.hpp"
#include "serve/service.hpp"

namespace podium::serve {

// Where a service takes replicas of other jobs.
struct JoinAddress {
  std::string host;
  int port = 0;
  std::string secret;
};

class Joiner {
 public:
  // Throws what keeps it from being known; that is told once and tried again.
  using FindAddress = std::function<JoinAddress()>;

  // Starts `options.replicas` replicas as a service with these options would. Names, made of
  // `options.replica_prefix`, must be unlike those of all others in the service.
  Joiner(const ServiceOptions& options, FindAddress find, const Log& log);
  // Ends the replicas.
  ~Joiner();
  Joiner(const Joiner&) = delete;
  Joiner& operator=(const Joiner&) = delete;

  // Replicas that are welcome at the service now.
  int joined() const;
  // Whether any ever was.
  bool has_joined() const;

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace podium::serve
