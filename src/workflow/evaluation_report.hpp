// EvaluationReport: a confusion matrix with the names of its classes, as JSON, as a table, and as a
// file of the run folder that reports read (docs/formats.md).
//
// Free functions and a value; for one thread.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "train/confusion.hpp"

namespace podium::workflow {

using Json = nlohmann::ordered_json;

struct EvaluationReport {
  std::vector<std::string> classes;  // names, one per class
  train::Confusion confusion;

  // Two lines and one row per class: precision, recall, F1, support, and what the class was taken
  // for. With more than 32 classes, the ten of the lowest F1.
  std::string table() const;
};

// {"images", "accuracy", "macro_f1", "classes", "confusion": [[...]], "per_class": [{"name",
// "precision", "recall", "f1", "support"}]}; what has no denominator is null.
Json to_json(const EvaluationReport& report);

// The inverse of to_json(). `where` names the document. Throws data_error.
EvaluationReport evaluation_from_json(const Json& document, const std::string& where);

// Whether there are few enough classes, 32, for result lines and cards.
bool is_short(const EvaluationReport& report);

// Sets "confusion" and "per_class" in a result: those of `report`, null when there is none or it
// is not short.
void add_confusion(Json& result, const EvaluationReport* report);

// RUN_DIR/evaluation/MODEL-SPLIT.json.
std::filesystem::path evaluation_file(const std::filesystem::path& run_dir,
                                      const std::string& model, const std::string& split);

// Writes that file; replaces what is there. `about` are further keys that say which model and data
// it is about; they come first, and those of `more` last. Throws io_error.
void write_evaluation(const std::filesystem::path& run_dir, const std::string& model,
                      const std::string& split, const Json& about, const EvaluationReport& report,
                      const Json& more = Json::object());

}  // namespace podium::workflow
