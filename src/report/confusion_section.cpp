// Which classes are taken for which, and the images a model was most certain about and wrong.
#include <algorithm>
#include <cmath>
#include <utility>

#include "core/text.hpp"
#include "report/png.hpp"
#include "report/sections.hpp"
#include "report/table.hpp"

namespace podium::report {
namespace {

constexpr size_t most_classes = 32;  // of a matrix; more do not fit beside each other
constexpr double strongest = 0.5;    // of the colours behind numbers, which stay readable

// A whole number of a file, which may hold anything.
size_t whole(const Place& place) {
  return static_cast<size_t>(std::clamp(place.number_or(0), 0.0, 1e6));
}

std::string class_name(const Place& evaluation, size_t label) {
  return evaluation["classes"][label].text(std::to_string(label));
}

double row_sum(const Place& row) {
  double sum = 0;
  for (size_t i = 0; i < row.size(); ++i) sum += row[i].number_or(0);
  return sum;
}

// A count before a colour: right ones by their share of the class, wrong ones by its root, as they
// are few.
Markup count_cell(const Place& row, size_t truth, size_t taken_for, double sum) {
  const double count = row[taken_for].number_or(0);
  const double share = sum > 0 ? count / sum : 0;
  const double strength =
      strongest * (truth == taken_for ? share : std::min(1.0, 2 * std::sqrt(share)));
  const char* kind = truth == taken_for ? "right" : "wrong";
  return tag("td", {{"class", kind}, {"style", format("--strength:%.3f", strength)}},
             count == 0 ? Markup("·") : quantity(row[taken_for], As::count));
}

Markup heading_row(const Place& evaluation, size_t classes) {
  Markup cells = tag("th", {{"scope", "col"}}, "Class, taken for:");
  for (size_t label = 0; label < classes; ++label) {
    cells += tag("th", {{"scope", "col"}, {"class", "upright"}},
                 tag("span", class_name(evaluation, label)));
  }
  for (const char* name : {"Precision", "Recall", "Images"}) {
    cells += tag("th", {{"scope", "col"}}, name);
  }
  return tag("tr", cells);
}

Markup matrix(const Place& evaluation, const std::string& model, const std::string& images) {
  const Place counts = evaluation["confusion"];
  const size_t classes = counts.size();
  if (classes == 0 || classes > most_classes) return {};
  Markup body;
  for (size_t truth = 0; truth < classes; ++truth) {
    Markup row = tag("th", {{"scope", "row"}}, class_name(evaluation, truth));
    const double sum = row_sum(counts[truth]);
    for (size_t other = 0; other < classes; ++other) {
      row += count_cell(counts[truth], truth, other, sum);
    }
    const Place scores = evaluation["per_class"][truth];
    row += tag("td", quantity(scores["precision"], As::percent)) +
           tag("td", quantity(scores["recall"], As::percent)) +
           tag("td", quantity(scores["support"], As::count));
    body += tag("tr", row);
  }
  const Markup caption = Markup(images) + " by " + model + ": a row for each true class, " +
                         quantity(evaluation["accuracy"], As::percent) + " right";
  return tag("div",
             {{"class", "scrolls"},
              {"tabindex", "0"},
              {"role", "region"},
              {"aria-label", "Confusion matrix of " + model}},
             tag("table", {{"class", "numbers matrix"}},
                 tag("caption", caption) + tag("thead", heading_row(evaluation, classes)) +
                     tag("tbody", body)));
}

std::vector<uint8_t> bytes_of(const std::string& digits) {
  std::vector<uint8_t> bytes;
  const auto value = [](char c) { return c >= 'a' ? c - 'a' + 10 : c - '0'; };
  for (size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(16 * value(digits[i]) + value(digits[i + 1])));
  }
  return bytes;
}

Markup mistake(const Place& evaluation, const Place& one, const io::ImageShape& shape) {
  const std::string uri = png_uri(bytes_of(one["pixels"].text()), shape);
  if (uri.empty()) return {};
  const std::string label = class_name(evaluation, whole(one["label"]));
  const std::string taken = class_name(evaluation, whole(one["taken_for"]));
  const Markup image = leaf("img", {{"src", uri}, {"alt", label + ", taken for " + taken}});
  return tag("figure", image + tag("figcaption",
                                   tag("strong", label) + ", taken for " + tag("strong", taken) +
                                       ", " + quantity(one["probability"], As::percent) +
                                       " sure. Record " + quantity(one["record"], As::count)));
}

Markup mistakes(const Place& evaluation) {
  const Place shape = evaluation["mistakes"]["shape"];
  const auto side = [&](size_t i) { return whole(shape[i]); };
  const Place list = evaluation["mistakes"]["list"];
  Markup images;
  for (size_t i = 0; i < list.size(); ++i) {
    images += mistake(evaluation, list[i], {side(0), side(1), side(2)});
  }
  if (images.empty()) return {};
  return tag("h4", "Most certain, and wrong") + tag("div", {{"class", "mistakes"}}, images);
}

Markup evaluation_of(const RunData& run, const std::string& model) {
  for (const auto& [split, images] :
       {std::pair{"-test", "Test images"}, std::pair{"-validation", "Validation images"},
        std::pair{"-input", "Images"}}) {
    const Place evaluation = run["evaluation"][(model + split).c_str()];
    if (evaluation["confusion"].size() == 0) continue;
    return matrix(evaluation, model, images) + mistakes(evaluation);
  }
  return {};
}

// The selected model, and the others to be unfolded.
Markup confusion_of(const RunData& run) {
  std::vector<ModelView> models = models_of(run);
  std::ranges::stable_partition(models, &ModelView::selected);
  Markup all;
  for (const ModelView& model : models) {
    const Markup one = evaluation_of(run, model.name);
    if (one.empty()) continue;
    const bool first = all.empty();
    all += first ? one : tag("details", tag("summary", "The same of " + model.name) + one);
  }
  return all;
}

}  // namespace

void confusion_section(const std::vector<RunData>& runs, Page& page) {
  std::vector<Markup> blocks;
  for (const RunData& run : runs) blocks.push_back(confusion_of(run));
  if (std::ranges::all_of(blocks, &Markup::empty)) return;
  page.section("confusion", "What is taken for what");
  for (size_t i = 0; i < runs.size(); ++i) {
    if (blocks[i].empty()) continue;
    if (runs.size() > 1) page.add(tag("h3", runs[i].name));
    page.add(blocks[i]);
  }
}

}  // namespace podium::report
