// PsReport: what training through parameter servers took, over all trainers.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "comm/communicator.hpp"
#include "ps/options.hpp"
#include "ps/worker.hpp"

namespace podium::train {

// What became of trainers that are processes (crew_engine.hpp), over all ranks.
struct CrewReport {
  int trainers = 0;
  uint64_t deaths = 0;
  uint64_t restarts = 0;
  uint64_t left_down = 0;         // trainers that died too often
  uint64_t leases_handed_on = 0;  // that a trainer had not finished when it died
  uint64_t images_handed_on = 0;
  uint64_t images_repeated = 0;  // at most: those at which trainers were when they died
};

struct PsReport {
  int servers = 0;
  int replicas = 0;
  ps::Consistency consistency = ps::Consistency::bsp;
  uint64_t bound = 0;  // on staleness, of ssp
  uint64_t bytes_pushed = 0;
  uint64_t bytes_pulled = 0;
  uint64_t saved_keys = 0;  // bytes that filters kept from travelling
  uint64_t saved_encoding = 0;
  uint64_t saved_significance = 0;
  std::vector<uint64_t> staleness;  // servers' answers to pulls, by age in steps
  double wait_s = 0;                // for servers, mean over the trainers
  uint64_t resent = 0;
  uint64_t failovers = 0;  // times that a trainer went on with a backup
  int restarts = 0;        // of servers
  std::optional<CrewReport> crew = {};

  uint64_t bytes_saved() const { return saved_keys + saved_encoding + saved_significance; }
  double mean_staleness() const;
  size_t most_staleness() const;
};

// "bsp", "ssp" or "asp".
const char* name_of(ps::Consistency consistency);

// What one worker tells, on its way to who adds it up.
nlohmann::ordered_json to_json(const ps::WorkerReport& told);
ps::WorkerReport worker_report_from_json(const nlohmann::ordered_json& json);
void add(ps::WorkerReport& sum, const ps::WorkerReport& more);

// From what each trainer's worker tells; `restarts` counts on the first. Collective.
PsReport share_report(const ps::WorkerReport& mine, const ps::GroupOptions& options, int restarts,
                      comm::Communicator& group);

nlohmann::ordered_json to_json(const PsReport& report);
// "bsp by 2 servers: 12.3 MB pushed, 12.3 MB pulled, ..."
std::string to_text(const PsReport& report);

}  // namespace podium::train
