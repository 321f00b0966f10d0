#include "report/headline.hpp"

#include <algorithm>
#include <set>

namespace podium::report {
namespace {

// "3 nodes (a, b, c)"
Markup nodes_text(const Place& nodes) {
  std::set<std::string> names;
  for (size_t i = 0; i < nodes.size(); ++i) names.insert(nodes[i].text());
  if (names.empty()) return {};
  if (names.size() == 1) return Markup(" on ") + *names.begin();
  return Markup(" on " + std::to_string(names.size()) + " nodes");
}

Markup how_long(const RunData& run) {
  const Place total = run.result()["total_s"] ? run.result()["total_s"] : run.last_time();
  return total ? quantity(total, As::seconds) : Markup("an unknown time");
}

Markup what_ran(const RunData& run) {
  const Place started = run.last("started");
  Markup text = tag("code", "podium " + run.verb());
  if (started["ranks"]) {
    text += " with " + quantity(started["ranks"], As::count) +
            (started["ranks"].number_or(0) == 1 ? " rank" : " ranks");
  }
  text += nodes_text(started["nodes"]);
  const std::string state = run["state"].text();
  if (state == "ended") return text + " took " + how_long(run) + ".";
  if (state == "stopped") return text + " was stopped early, after " + how_long(run) + ".";
  if (state == "failed") return text + " failed; its last sign came after " + how_long(run) + ".";
  if (state == "running") return text + " is under way, for " + how_long(run) + " so far.";
  if (state == "unknown") return text + " left no events here.";
  return text + " has not told its end: it is under way, or it died. Its last sign came after " +
         how_long(run) + ".";
}

// The best of the others on validation accuracy; null if there is none.
const ModelView* runner_up(const std::vector<ModelView>& models, const ModelView& winner) {
  const ModelView* best = nullptr;
  for (const ModelView& model : models) {
    const auto accuracy = model.metrics["val_accuracy"].number();
    if (&model == &winner || !accuracy) continue;
    if (best == nullptr || *accuracy > best->metrics["val_accuracy"].number_or(0)) best = &model;
  }
  return best;
}

Markup who_won(const RunData& run, const Derive& derive) {
  const std::vector<ModelView> models = models_of(run);
  const auto winner = std::ranges::find_if(models, &ModelView::selected);
  if (winner == models.end()) return {};
  const Place accuracy = winner->metrics["val_accuracy"];
  Markup text = " " + tag("strong", winner->name) +
                " was selected: " + quantity(accuracy, As::percent) + " validation accuracy";
  if (const ModelView* next = runner_up(models, *winner)) {
    const double lead = accuracy.number_or(0) - next->metrics["val_accuracy"].number_or(0);
    const Markup points = derive("runs/" + std::to_string(run.index) + "/ahead", lead, As::points);
    text += lead > 0    ? ", " + points + " above " + next->name
            : lead == 0 ? ", as good as " + Markup(next->name) + ", which came later"
                        : ", " + points + " against " + next->name;
  }
  text += ".";
  if (winner->test_accuracy) {
    text += " It classifies " + quantity(winner->test_accuracy, As::percent) +
            " of the test images correctly.";
  }
  return text;
}

// The network that a search found.
Markup what_was_found(const RunData& run) {
  const Place result = run.result();
  if (!result["best_architecture"]) return {};
  Markup text = " The best network of " + quantity(result["samples"], As::count) + " samples has ";
  text += "a reward of " + quantity(result["best_reward"], As::percent) + ": ";
  return text + tag("code", result["best_architecture"].text()) + ".";
}

// What a policy has learnt.
Markup what_was_learnt(const RunData& run) {
  const Place result = run.result();
  if (!result["environment"] || !result["mean_return"]) return {};
  Markup text = " After " + quantity(result["updates"], As::count) + " updates the policy for ";
  text += tag("strong", result["environment"].text()) + " has a mean return of ";
  text += quantity(result["mean_return"], As::number);
  if (result["explored_return"]) {
    text += "; the last episodes of exploring had ";
    text += quantity(result["explored_return"], As::number);
  }
  return text + ".";
}

Markup published(const RunData& run) {
  const Place result = run.result();
  Markup text;
  const Place first = result["time_to_first_service_s"];
  if (first)
    text += " The first model answered requests after " + quantity(first, As::seconds) + ".";
  if (result["published_here"] && !result["published_here"].truth() && result["version"]) {
    text += " Version " + quantity(result["version"], As::count) + " (" +
            result["selected"].text() + "), of an earlier run, is better and stays published.";
  }
  return text;
}

}  // namespace

Markup headline(const RunData& run, const Derive& derive) {
  return what_ran(run) + who_won(run, derive) + what_was_found(run) + what_was_learnt(run) +
         published(run);
}

}  // namespace podium::report
