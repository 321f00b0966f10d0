#include "core/scalar_log.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace podium {

ScalarLog::ScalarLog(const std::filesystem::path& folder, std::vector<EventCurves> curves, Log log)
    : curves_(std::move(curves)), file_(folder, std::move(log)) {}

void ScalarLog::write(const nlohmann::ordered_json& event, double unix_s) {
  const auto curves = std::ranges::find(curves_, event.value("event", ""), &EventCurves::event);
  if (curves == curves_.end() || !event.contains(curves->step)) return;
  const std::string owner = event.value(curves->owner, curves->owner);
  std::vector<EventFile::Scalar> scalars;
  for (const std::string& key : curves->keys) {
    const auto value = event.find(key);
    if (value == event.end() || !value->is_number()) continue;
    scalars.push_back({owner + "/" + key, static_cast<float>(value->get<double>())});
  }
  const std::lock_guard lock(mutex_);
  file_.write(unix_s, event.at(curves->step).get<int64_t>(), scalars);
}

}  // namespace podium
