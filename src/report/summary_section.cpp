// What ran, and how well each model did.
#include <algorithm>

#include "report/headline.hpp"
#include "report/sections.hpp"
#include "report/table.hpp"

namespace podium::report {
namespace {

// One row a model; those of several runs one below the other, with the same columns.
Markup models_table(const std::vector<RunData>& runs) {
  Table table;
  table.caption = "Models, in the order in which they were finished. Marked: selected";
  table.headings = {"Model",         "Parameters",        "FLOP per image", "Validation accuracy",
                    "Test accuracy", "Images per second", "Trained in",     "Done after",
                    "Reused from"};
  if (runs.size() > 1) table.headings.insert(table.headings.begin() + 1, "Run");
  for (const RunData& run : runs) {
    for (const ModelView& model : models_of(run)) {
      const Place& metrics = model.metrics;
      Table::Row row{
          {model.name, quantity(metrics["parameters"], As::count),
           quantity(metrics["flops_per_image"], As::rate),
           quantity(metrics["val_accuracy"], As::percent),
           quantity(model.test_accuracy, As::percent), quantity(metrics["images_per_s"], As::rate),
           quantity(metrics["train_s"], As::seconds), quantity(model.done_s, As::seconds),
           metrics["reused"].truth() ? Markup("an earlier job") : Markup("–")},
          model.selected};
      if (runs.size() > 1) row.cells.insert(row.cells.begin() + 1, run.name);
      table.rows.push_back(std::move(row));
    }
  }
  if (table.rows.empty()) return {};
  table.drop_empty_columns();
  return table.markup();
}

// One row a run: how it went, and what it selected.
Markup runs_table(const std::vector<RunData>& runs) {
  Table table;
  table.caption = "The runs side by side";
  table.headings = {
      "Run", "State", "Total", "First service", "Selected", "Validation accuracy", "Test accuracy"};
  for (const RunData& run : runs) {
    const std::vector<ModelView> models = models_of(run);
    const auto winner = std::ranges::find_if(models, &ModelView::selected);
    const ModelView none;
    const ModelView& selected = winner == models.end() ? none : *winner;
    const Place result = run.result();
    const Place total = result["total_s"] ? result["total_s"] : run.last_time();
    table.rows.push_back({{run.name, run["state"].text(), quantity(total, As::seconds),
                           quantity(result["time_to_first_service_s"], As::seconds),
                           selected.name.empty() ? Markup("–") : Markup(selected.name),
                           quantity(selected.metrics["val_accuracy"], As::percent),
                           quantity(selected.test_accuracy, As::percent)},
                          false});
  }
  table.drop_empty_columns();
  return table.markup();
}

}  // namespace

void summary_section(const std::vector<RunData>& runs, Page& page) {
  page.section("summary", "Summary");
  const Derive derive = [&page](const std::string& name, double value, As as) {
    return page.derived(name, value, as);
  };
  for (const RunData& run : runs) {
    const Markup name = runs.size() > 1 ? tag("strong", run.name) + ": " : Markup();
    page.add(tag("p", {{"class", "lead"}}, name + headline(run, derive)));
  }
  if (runs.size() > 1) page.add(runs_table(runs));
  page.add(models_table(runs));
}

void advice_section(const std::vector<RunData>& runs, Page& page) {
  const Derive derive = [&page](const std::string& name, double value, As as) {
    return page.derived("advice/" + name, value, as);
  };
  std::vector<Markup> lists;
  for (const RunData& run : runs) {
    Markup items;
    for (const Advice& advice : advise(run, derive)) {
      items += tag("li", {{"data-rule", advice.rule}}, advice.text);
    }
    lists.push_back(items.empty() ? items : tag("ul", items));
  }
  if (std::ranges::all_of(lists, &Markup::empty)) return;
  page.section("next", "What to try next");
  page.add(side_by_side(runs, lists));
}

}  // namespace podium::report
