// Summary: what a pipeline job did, for the table and the result line.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "workflow/evaluation_report.hpp"

namespace podium::workflow {

struct ModelSummary {
  Json metrics;                               // as describe() in training_step.hpp made it
  double test_accuracy = -1;                  // negative: not measured
  double finished_s = 0;                      // since the start of the job
  std::optional<EvaluationReport> test = {};  // how it classifies the test split
};

struct Summary {
  std::vector<ModelSummary> models;  // in the order in which they finished
  std::string selected;              // name of the published model; empty: none
  bool published_here = false;       // by this job; else by an earlier run, whose model is better
  int version = 0;
  std::string address;  // of the front door, host:port
  double time_to_first_service_s = -1;
  double total_s = 0;
  bool stopped_early = false;
  Json front_door = Json::object();    // the job's own requests: requests, images, accuracy,
                                       // images_per_s, p50_ms ...
  Json memory_cache = Json::object();  // of all trainers, as memory_cache_report() makes it
  Json service = Json::object();       // counters of the serving ranks, summed

  ModelSummary* find(const std::string& name);

  // One row per model, for people, and how the published one classifies the test images.
  std::string table() const;
  // The value of PODIUM_RESULT, DESIGN's keys first.
  Json result() const;
};

}  // namespace podium::workflow
