// What the tests of the checkpoint engine share: a model whose every byte is known, and workers,
// which are this executable started again.
#pragma once

#include <string>
#include <vector>

#include "core/channel.hpp"
#include "ckpt/engine/engine.hpp"
#include "core/worker_process.hpp"

namespace podium::ckpt::engine::test {

inline constexpr const char* worker_verb = "__engine_worker";
inline constexpr std::chrono::milliseconds patience{20'000};

// Tensors of all kinds: empty, of one byte, larger than a bucket of 16 KiB.
std::vector<Piece> whole_model();
// The byte `index` of a tensor in a version. Of tensor "huge" the third quarter changes with every
// version, the last one with every second, and the others never do.
std::byte value(uint64_t version, const std::string& tensor, uint64_t index);
void fill(HostShard& shard, uint64_t version);
// How many bytes of `weights` are not as they should be.
size_t wrong_bytes(const Weights& weights, size_t part, size_t parts);

// A worker process, and the channel on which it reports.
//   keep      takes update after update; says {"version", "wrong"} or {"kept", why} after each
//   gpu       the same with weights that stay on a GPU, whose bytes the engine alone checks
//   die=N     kills itself in the middle of bucket N
//   stop=N    stops itself there
class Worker {
 public:
  Worker(const std::string& gate, const std::string& name, const std::string& habit,
         size_t part = 0, size_t parts = 1);

  // The next report, or an empty object.
  Json report() { return channel_.receive(patience).value_or(Json::object()); }
  WorkerProcess& process() { return process_; }

 private:
  WorkerProcess process_;
  Channel channel_;
};

// main() of such a process.
int worker_main(const std::vector<std::string>& arguments);

}  // namespace podium::ckpt::engine::test
