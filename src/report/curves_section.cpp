// How loss and accuracy went, epoch by epoch: of one run its models together, of several each model
// with a line a run. All accuracies of a page are on one scale, and all losses.
#include <algorithm>
#include <array>

#include "picture/chart.hpp"
#include "report/drawn.hpp"
#include "report/sections.hpp"

namespace podium::report {
namespace {

// What a chart is of.
struct Measure {
  const char* key;  // of the epoch event
  const char* title;
  double factor;  // from the value to what the axis shows
  As as;
  const char* unit;
};

constexpr std::array<Measure, 3> measures = {
    {{"val_accuracy", "Validation accuracy", 100, As::percent, " %"},
     {"train_accuracy", "Training accuracy", 100, As::percent, " %"},
     {"loss", "Training loss", 1, As::number, ""}}};

// A line of a chart.
struct Line {
  std::string name;
  const std::vector<Place>* epochs;
};

// What all charts of a measure span.
struct Span {
  double least = 1e300;
  double most = -1e300;

  void take(const std::vector<Place>& epochs, const Measure& measure) {
    for (const Place& epoch : epochs) {
      const auto value = epoch[measure.key].number();
      if (!value) continue;
      least = std::min(least, *value * measure.factor);
      most = std::max(most, *value * measure.factor);
    }
  }
};

// The two accuracies have one scale.
Span span_of(const std::vector<Line>& lines, const Measure& measure) {
  Span span;
  for (const Measure& other : measures) {
    if (other.as != measure.as) continue;
    for (const Line& line : lines) span.take(*line.epochs, other);
  }
  return span;
}

picture::Series series_of(const Line& line, const Measure& measure) {
  picture::Series series;
  series.name = told(line.name + " ", line.epochs->back()[measure.key], measure.as);
  if (series.name.text.empty()) series.name = line.name;
  series.dots = line.epochs->size() <= 60;
  for (const Place& epoch : *line.epochs) {
    const Place value = epoch[measure.key];
    if (!value.number()) continue;
    picture::Point point;
    point.x = epoch["epochs"].number_or(0);
    point.y = *value.number() * measure.factor;
    point.tip = line.name + ", epoch " + written(point.x, As::count) + ": " +
                written(*value.number(), measure.as);
    point.key = value.pointer();
    series.points.push_back(std::move(point));
  }
  return series;
}

Markup chart_of(const std::string& name, const std::string& about, const Measure& measure,
                const std::vector<Line>& lines, const Span& span) {
  picture::Chart chart;
  chart.about = {name + "-" + measure.key, measure.title + about,
                 std::string("A line over the epochs for each; beside its name the last value.")};
  chart.heading = measure.title;
  chart.x = {.name = "epoch", .least = 1, .most = 2, .whole = true};
  chart.y = {.name = "", .least = span.least, .most = span.most, .unit = measure.unit};
  for (const Line& line : lines) chart.series.push_back(series_of(line, measure));
  return figure(drawing(picture::draw(chart)), {});
}

// Charts of all measures, beside each other.
Markup charts_of(const std::string& name, const std::string& about, const std::vector<Line>& lines,
                 const std::vector<Line>& all) {
  Markup charts;
  for (const Measure& measure : measures) {
    const Span span = span_of(all, measure);
    if (span.least <= span.most) charts += chart_of(name, about, measure, lines, span);
  }
  return tag("div", {{"class", "figures"}}, charts);
}

}  // namespace

void curves_section(const std::vector<RunData>& runs, Page& page) {
  std::vector<std::vector<ModelView>> models;
  for (const RunData& run : runs) models.push_back(models_of(run));
  std::vector<Line> all;
  std::vector<std::string> names;  // of models, each once
  for (const auto& of_run : models) {
    for (const ModelView& model : of_run) {
      if (model.epochs.empty()) continue;
      all.push_back({model.name, &model.epochs});
      if (std::ranges::count(names, model.name) == 0) names.push_back(model.name);
    }
  }
  if (all.empty()) return;
  page.section("curves", "Loss and accuracy");
  if (runs.size() == 1) return page.add(charts_of("curves", " of the models", all, all));
  for (size_t i = 0; i < names.size(); ++i) {
    std::vector<Line> lines;
    for (size_t run = 0; run < runs.size(); ++run) {
      const auto model = std::ranges::find(models[run], names[i], &ModelView::name);
      if (model == models[run].end() || model->epochs.empty()) continue;
      lines.push_back({runs[run].name, &model->epochs});
    }
    page.add(tag("h3", names[i]));
    page.add(charts_of("curves-" + std::to_string(i), " of " + names[i], lines, all));
  }
}

}  // namespace podium::report
