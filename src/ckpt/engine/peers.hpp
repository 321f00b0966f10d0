// Peers: weights from point to point, for whoever joins later or missed an update.
//
// Every checkpoint rank serves its shard of the newest version over TCP, beside whatever else goes
// on; a newcomer asks one rank for the metas and the addresses of all, and fetches each shard from
// its holder. A secret keeps strangers out (it does not encrypt). docs/checkpoint_engine.md has the
// messages.
#pragma once

#include <atomic>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/channel.hpp"
#include "ckpt/engine/receiver.hpp"
#include "ckpt/engine/shard.hpp"

namespace podium::ckpt::engine {

// A version as one rank offers it.
struct Offer {
  std::vector<Metas> metas;  // of all ranks
  uint64_t bucket_bytes = 0;
  int rank = 0;
  std::vector<std::string> peers;  // host:port of each rank
  std::shared_ptr<const HostShard> shard;
};

class PeerServer {
 public:
  // Listens on a free port of `host`. Threads: one that accepts, and one per newcomer, of whom
  // there are at most eight at a time. Throws unavailable_error when it cannot listen.
  PeerServer(const std::string& host, std::string secret);
  ~PeerServer();
  PeerServer(const PeerServer&) = delete;
  PeerServer& operator=(const PeerServer&) = delete;

  const std::string& address() const { return address_; }  // host:port
  void offer(std::shared_ptr<const Offer> offer);

 private:
  struct Guest {
    std::thread thread;
    std::atomic<bool> done{false};
  };

  void run();
  void serve(Channel channel) const;

  const std::string secret_;
  FileDescriptor listener_;
  std::string address_;
  std::atomic<bool> ending_{false};
  mutable std::mutex mutex_;
  std::shared_ptr<const Offer> offer_;
  std::list<Guest> guests_;
  std::thread thread_;
};

struct FetchOptions {
  std::vector<std::string> peers;  // one suffices
  std::string secret;
  size_t part = 0;  // of the model, as in ReceiverOptions
  size_t parts = 1;
  std::chrono::milliseconds limit{120'000};
};

// The newest version that the peers offer. Throws unavailable_error when none answers, they refuse
// or stop in the middle, and data_error for a wrong checksum.
Weights fetch(const FetchOptions& options);
// Its number alone; 0: none yet.
uint64_t newest_version(const FetchOptions& options);

}  // namespace podium::ckpt::engine
