// Metadata: what clients can ask about the server and its model. Pure functions to JSON.
//
// Follows the Open Inference Protocol v2 (KServe) and Triton's extensions of model configuration
// and repository. Names and datatypes are the same in metadata and configuration; the dimensions of
// the configuration leave out the batch.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "serve/protocol/model_info.hpp"

namespace podium::serve {

// GET /v2. The extensions are those that work.
std::string server_metadata_body();

// GET /v2/models/M.
std::string model_metadata_body(const ModelInfo& info);

// GET /v2/models/M/config.
std::string model_config_body(const ModelInfo& info);

// One model of POST /v2/repository/index.
struct IndexEntry {
  std::string name;
  int version = 0;  // 0: none is served
  bool ready = false;
  std::string reason;  // why it is not ready
};
std::string repository_index_body(std::span<const IndexEntry> entries);

// Whether the body of POST /v2/repository/index asks for ready models only. It may be empty. Throws
// RequestError 400.
bool wants_ready_only(std::string_view body);

// The version that the body of POST /v2/repository/models/M/load asks for in its "parameters", 0
// for the newest; the body may be empty. There are no other parameters: configurations and files of
// models are not taken from clients. Throws RequestError 400.
int version_to_load(std::string_view body);

// The body of POST /v2/repository/models/M/unload: nothing, or a flag "unload_dependents" in its
// "parameters", which means nothing here. Throws RequestError 400.
void check_unload(std::string_view body);

}  // namespace podium::serve
