// ModelStats: what the answers to predictions have cost, as GET /v2/models/M/stats tells it. Pure.
//
// Follows Triton's extension of statistics: every count and sum grows from the start of the service
// on and is over all replicas. A batch is one execution, to which each of its requests adds its
// share. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "serve/protocol/message.hpp"

namespace podium::serve {

struct CostSum {
  double count = 0;
  uint64_t ns = 0;
};

// Of one version.
struct ModelStats {
  struct BatchSums {
    CostSum input;
    CostSum infer;
    CostSum output;
  };

  int version = 0;
  uint64_t last_inference_ms = 0;  // since 1970; 0: none
  uint64_t inferences = 0;         // images
  double executions = 0;           // batches
  CostSum success;                 // answered 200, from the request read to its reply ready
  CostSum fail;                    // refused or failed by a replica or for want of one
  CostSum queue;
  CostSum input;
  CostSum infer;
  CostSum output;
  std::map<uint32_t, BatchSums> batches;  // by images in a batch

  // Adds the answer to one prediction, which took `total_ns` and came at `now_ms` since 1970.
  void add(const ReplyFields& reply, uint64_t total_ns, uint64_t now_ms);
};

// Of every version that answered, the last `kept_versions` of them.
class VersionStats {
 public:
  static constexpr size_t kept_versions = 16;

  // `version` is meant for replies that no version computed.
  void add(const ReplyFields& reply, int version, uint64_t total_ns);

  // Those of `version`, or of all with 0, ascending. One that has answered nothing has zeros.
  std::vector<ModelStats> of(int version) const;
  bool knows(int version) const { return versions_.contains(version); }

 private:
  std::map<int, ModelStats> versions_;
};

// GET /v2/models/M/stats and /v2/models/stats, of the versions of one model.
std::string model_stats_body(const std::string& model, std::span<const ModelStats> versions);

}  // namespace podium::serve
