// The export step: one model of a run folder as a file for other programs (docs/export.md).
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "core/log.hpp"
#include "workflow/settings.hpp"

namespace podium::workflow {

struct ExportOptions {
  std::string format = "auto";  // auto, onnx, safetensors; auto goes by the ending of `output`
  std::filesystem::path output;
  std::filesystem::path model;  // see find_model(); empty: the published one of the run folder
  std::string podium_version;   // told in the file
};

// Writes the file, whole or not at all, and returns format, file, bytes, model, version,
// parameters, weights_xxh3, and whether the file was there already, of the same model
// (step_memo.hpp). Throws usage_error
// for an output that is no place for a file, unavailable_error when no model is published,
// data_error when the one named is missing, damaged or none, io_error when the output cannot be
// written.
nlohmann::ordered_json export_model(const Settings& settings, const ExportOptions& options,
                                    const Log& log);

}  // namespace podium::workflow
