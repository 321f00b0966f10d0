// ThetaServers: the parameters of the controllers, Θ, on parameter servers (ps/): rank 0's side,
// and that of a controller.
//
// The servers are worker processes with Adam; controllers push their gradients asynchronously, and
// pull Θ as it is then. With two servers or more each range has a backup, so that a server that
// dies loses nothing. A search that is resumed begins with the Θ and the moments of its checkpoint.
//
// Threads: each object belongs to one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "core/log.hpp"
#include "ps/tcp/server_group.hpp"
#include "search/method.hpp"
#include "search/theta_store.hpp"

namespace podium::search {

class ThetaServers {
 public:
  // For a method without parameters there are no servers.
  ThetaServers(const MethodOptions& method, const AdamOptions& adam, const Space& space,
               int servers, Log log);

  // Starts the servers, with what state() was or, for null, with Θ as at birth. A state of Θ alone
  // begins with empty moments. Throws io_error, unavailable_error, data_error for a state of
  // another Θ.
  void start(const nlohmann::ordered_json& state);

  // What a controller needs to take part; to be asked anew for each process.
  nlohmann::ordered_json ticket();

  // Θ and its moments as they are; those of one moment where no controller pushes meanwhile.
  nlohmann::ordered_json state();
  int restarts() const { return group_ ? group_->restarts() : 0; }

 private:
  std::vector<ps::NamedSize> buffers_;
  std::vector<float> theta_;  // to begin with; and maybe its moments
  ps::GroupOptions options_;
  Log log_;
  std::optional<ps::ServerGroup> group_;
  uint32_t workers_ = 0;  // numbers that were given out
};

// Θ for a controller that got `ticket`; null for a method that needs none. Throws
// unavailable_error.
std::unique_ptr<ThetaStore> join_theta(const nlohmann::ordered_json& ticket,
                                       const MethodOptions& method, const AdamOptions& adam,
                                       const Space& space);

}  // namespace podium::search
