#include "workflow/prediction_file.hpp"

#include "core/error.hpp"
#include "io/files/atomic_file.hpp"

namespace podium::workflow {

PredictionFormat prediction_format(const std::filesystem::path& path) {
  if (path.empty()) return PredictionFormat::none;
  const std::string suffix = path.extension().string();
  if (suffix == ".csv") return PredictionFormat::csv;
  if (suffix == ".h5" || suffix == ".hdf5") return PredictionFormat::hdf5;
  throw usage_error(
      "predictions are written as .csv or .h5, not as '" + path.filename().string() + "'",
      "--predict.output", "choose a name that ends in .csv or .h5");
}

bool may_replace(const std::filesystem::path& path) {
  return prediction_format(path) != PredictionFormat::hdf5 || holds_hdf5_predictions(path);
}

std::string encode(PredictionFormat format, const PredictionSubject& subject,
                   const Predictions& block) {
  switch (format) {
    case PredictionFormat::none:
      return "";
    case PredictionFormat::csv:
      return encode_csv(subject, block);
    case PredictionFormat::hdf5:
      return encode_hdf5(block);
  }
  throw internal_error("a prediction file of no format", "encode");
}

std::unique_ptr<PredictionFile> create_prediction_file(const std::filesystem::path& path,
                                                       const PredictionSubject& subject) {
  const std::filesystem::path folder = path.parent_path();
  io::remove_stale_temporaries(folder.empty() ? "." : folder);  // of a job that was killed
  const bool is_csv = prediction_format(path) == PredictionFormat::csv;
  return is_csv ? create_csv(path, subject) : create_hdf5(path, subject);
}

}  // namespace podium::workflow
