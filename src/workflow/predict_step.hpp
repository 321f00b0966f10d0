// The prediction step: classify images, here or by a running service, and say how well where the
// true classes are known.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "comm/communicator.hpp"
#include "core/log.hpp"
#include "io/input/image_input.hpp"
#include "workflow/classifier.hpp"
#include "workflow/settings.hpp"

namespace podium::workflow {

struct PredictOptions {
  std::string input;                  // as io::open_input() takes it; empty: a split of --io.source
  std::filesystem::path output;       // .csv or .h5; empty: none
  std::filesystem::path model;        // as find_model() takes it; empty: the run folder's
  std::string server;                 // host:port; empty: load the model here
  io::Split split = io::Split::test;  // of a cache or of --io.source
  int threads = 1;                    // of this rank
  std::filesystem::path token_file;   // of the server; empty: the run folder's, if there is one
  std::string tls_ca;                 // PEM file, or "system"; empty: no TLS
};

// Throws usage_error for options that contradict each other and for an output that cannot be one.
void check(const PredictOptions& options);

// The model or the service that `options` name. Throws unavailable_error when no model is published
// or the server does not answer, data_error when the model is damaged.
std::unique_ptr<Classifier> open_classifier(const Settings& settings,
                                            const PredictOptions& options);

// What --io.source went through, or goes through now: the user's transform, else the model's.
io::Transform ingest_transform(const Settings& settings, const Classifier& classifier);

// options.input on every rank; rank 0 first, which may have to download. Collective. Throws what
// io::open_input() throws, data_error when the ranks see different inputs.
std::unique_ptr<io::ImageInput> open_input_together(const Settings& settings,
                                                    const PredictOptions& options,
                                                    const Classifier& classifier,
                                                    comm::Communicator& group, const Log& log);

// The split options.split of the cache in `cache`. Throws data_error when the model does not take
// its images.
std::unique_ptr<io::ImageInput> open_ingested(const Settings& settings,
                                              const PredictOptions& options,
                                              const Classifier& classifier,
                                              const std::filesystem::path& cache,
                                              uint64_t generation);

// What the evaluation file of a split is named after; "all" is of what is no data set.
std::string evaluated_split(const std::string& split);

// Classifies all of `input` and writes options.output, and, where labels are known, the evaluation
// file of the run folder. Collective; returns the result's keys on rank 0, null elsewhere, and
// shows the table of the evaluation by `show`. Throws what classify_together() throws.
nlohmann::ordered_json predict(const Settings& settings, const PredictOptions& options,
                               const Classifier& classifier, const io::ImageInput& input,
                               comm::Communicator& group, const Log& log,
                               const std::function<void(const std::string&)>& show);

}  // namespace podium::workflow
