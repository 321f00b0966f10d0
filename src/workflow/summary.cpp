#include "workflow/summary.hpp"

#include <algorithm>

#include "core/text.hpp"

namespace podium::workflow {
namespace {

std::string row(const ModelSummary& model, bool selected) {
  const Json& m = model.metrics;
  const std::string test =
      model.test_accuracy < 0 ? "      -" : format("%7.4f", model.test_accuracy);
  return format("%c %-12s %11lld %9.2f %9.4f  %s %10.0f %8.1f %9.1f\n", selected ? '*' : ' ',
                m.at("name").get<std::string>().c_str(), m.at("parameters").get<long long>(),
                m.at("flops_per_image").get<double>() * 1e-6, m.at("val_accuracy").get<double>(),
                test.c_str(), m.at("images_per_s").get<double>(), m.at("train_s").get<double>(),
                model.finished_s);
}

}  // namespace

ModelSummary* Summary::find(const std::string& name) {
  const auto found = std::ranges::find_if(
      models, [&](const ModelSummary& model) { return model.metrics.at("name") == name; });
  return found == models.end() ? nullptr : &*found;
}

std::string Summary::table() const {
  if (models.empty()) return "no model was finished\n";
  std::string text =
      "  model         parameters   MFLOP/im   val acc test acc   images/s  train s  done at s\n";
  for (const ModelSummary& model : models) {
    text += row(model, published_here && model.metrics.at("name") == selected);
  }
  if (time_to_first_service_s >= 0) {
    text += format("first model served after %.1f s, all done after %.1f s",
                   time_to_first_service_s, total_s);
    text += published_here ? "; * published\n"
                           : format("; version %d (%s) of an earlier run stays published\n",
                                    version, selected.c_str());
  }
  for (const ModelSummary& model : models) {
    if (!published_here || !model.test || model.metrics.at("name") != selected) continue;
    text += "\ntest images by " + selected + ":\n" + model.test->table();
  }
  return text;
}

Json Summary::result() const {
  Json list = Json::array();
  for (const ModelSummary& model : models) {
    Json entry = model.metrics;
    entry["test_accuracy"] = model.test_accuracy < 0 ? Json() : Json(model.test_accuracy);
    add_confusion(entry, model.test ? &*model.test : nullptr);
    list.push_back(std::move(entry));
  }
  return {{"verb", "run"},
          {"models", list},
          {"selected", selected.empty() ? Json() : Json(selected)},
          {"time_to_first_service_s",
           time_to_first_service_s < 0 ? Json() : Json(time_to_first_service_s)},
          {"total_s", total_s},
          {"version", version == 0 ? Json() : Json(version)},
          {"published_here", published_here},
          {"stopped_early", stopped_early},
          {"front_door", front_door},
          {"memory_cache", memory_cache},
          {"service", service}};
}

}  // namespace podium::workflow
