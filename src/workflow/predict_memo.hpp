// PredictMemo: images that were classified before, by the same model, are not classified again
// while the files that came of it are whole.
#pragma once

#include "workflow/predict_step.hpp"

namespace podium::workflow {

// predict(), or what it returned before; "reused" in the result says which. `data` is what decides
// the images of a split of --io.source, null for those of options.input. A service is always asked
// anew, and so is an input that is no file or folder: what stands behind them may change.
// Collective.
nlohmann::ordered_json predict_or_recall(const Settings& settings, const PredictOptions& options,
                                         const Classifier& classifier, const io::ImageInput& input,
                                         const nlohmann::ordered_json& data,
                                         comm::Communicator& group, const Log& log,
                                         const std::function<void(const std::string&)>& show);

}  // namespace podium::workflow
