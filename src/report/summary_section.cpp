// What ran, and how well each model did.
#include "report/sections.hpp"
#include "report/table.hpp"

namespace podium::report {
namespace {

Markup models_table(const RunData& run) {
  const std::vector<ModelView> models = models_of(run);
  if (models.empty()) return {};
  Table table{.caption = "Models, in the order in which they were finished",
              .headings = {"Model", "Parameters", "FLOP per image", "Validation accuracy",
                           "Test accuracy", "Images per second", "Trained in", "Done after"},
              .rows = {}};
  for (const ModelView& model : models) {
    const Place& metrics = model.metrics;
    table.rows.push_back(
        {{model.name, quantity(metrics["parameters"], As::count),
          quantity(metrics["flops_per_image"], As::rate),
          quantity(metrics["val_accuracy"], As::percent),
          quantity(model.test_accuracy, As::percent), quantity(metrics["images_per_s"], As::rate),
          quantity(metrics["train_s"], As::seconds), quantity(model.done_s, As::seconds)},
         model.selected});
  }
  return table.markup();
}

}  // namespace

void summary_section(const std::vector<RunData>& runs, Page& page) {
  page.section("summary", "Summary");
  std::vector<Markup> tables;
  for (const RunData& run : runs) tables.push_back(models_table(run));
  page.add(side_by_side(runs, tables));
}

}  // namespace podium::report
