#include "workflow/evaluation_report.hpp"

#include <algorithm>
#include <numeric>

#include "core/error.hpp"
#include "core/text.hpp"
#include "io/files/atomic_file.hpp"

namespace podium::workflow {
namespace {

constexpr size_t classes_in_results = 32;
constexpr size_t classes_in_matrix = 16;  // of the table; more do not fit on a line
constexpr size_t worst_shown = 10;
constexpr size_t mistakes_shown = 3;
constexpr size_t longest_name = 20;

Json number(const std::optional<double>& value) {
  return value ? Json(*value) : Json();
}

std::string cell(const std::optional<double>& value) {
  return value ? format("%10.4f", *value) : format("%10s", "-");
}

// `name` in `width` characters: bytes of UTF-8 that continue a character take no room.
std::string padded(const std::string& name, size_t width) {
  std::string text;
  size_t characters = 0;
  for (const char c : name) {
    const bool starts = (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
    if (starts && characters == width) break;
    characters += starts ? 1 : 0;
    text += c;
  }
  return text + std::string(width - characters, ' ');
}

// What records of `label` were wrongly taken for, most frequent first.
std::string mistakes(const EvaluationReport& report, size_t label) {
  std::vector<size_t> others;
  for (size_t other = 0; other < report.classes.size(); ++other) {
    if (other != label && report.confusion.count(label, other) > 0) others.push_back(other);
  }
  std::ranges::stable_sort(others, [&](size_t a, size_t b) {
    return report.confusion.count(label, a) > report.confusion.count(label, b);
  });
  std::string text;
  for (size_t i = 0; i < std::min(others.size(), mistakes_shown); ++i) {
    text += (i == 0 ? "" : ", ") + report.classes[others[i]] + " " +
            std::to_string(report.confusion.count(label, others[i]));
  }
  return text;
}

// The right part of a row: a line of the matrix, or the commonest mistakes.
std::string taken_for(const EvaluationReport& report, size_t label) {
  if (report.classes.size() > classes_in_matrix) return "  " + mistakes(report, label);
  std::string text = " ";
  for (size_t other = 0; other < report.classes.size(); ++other) {
    text += format(" %6llu", static_cast<unsigned long long>(report.confusion.count(label, other)));
  }
  return text;
}

std::string heading(const EvaluationReport& report, size_t width) {
  std::string text = padded("class", 5 + width) +
                     format("%10s%10s%10s%10s", "precision", "recall", "F1", "images");
  if (report.classes.size() > classes_in_matrix) return text + "  mostly mistaken for\n";
  text += " ";
  for (size_t other = 0; other < report.classes.size(); ++other) text += format(" %6zu", other);
  return text + "  <- taken for\n";
}

// The classes to show, in order: all, or those of the lowest F1.
std::vector<size_t> shown_classes(const EvaluationReport& report) {
  std::vector<size_t> labels(report.classes.size());
  std::iota(labels.begin(), labels.end(), size_t{0});
  if (is_short(report)) return labels;
  const auto f1 = [&](size_t label) {
    const train::ClassScores scores = report.confusion.scores(label);
    return scores.support == 0 ? 2.0 : scores.f1.value_or(2.0);  // those without records last
  };
  std::ranges::stable_sort(labels, [&](size_t a, size_t b) { return f1(a) < f1(b); });
  labels.resize(worst_shown);
  return labels;
}

}  // namespace

std::string EvaluationReport::table() const {
  size_t width = 0;
  for (const std::string& name : classes)
    width = std::max(width, std::min(name.size(), longest_name));
  std::string text = heading(*this, width);
  for (const size_t label : shown_classes(*this)) {
    const train::ClassScores scores = confusion.scores(label);
    text += format("%3zu  ", label) + padded(classes[label], width) + cell(scores.precision) +
            cell(scores.recall) + cell(scores.f1) +
            format("%10llu", static_cast<unsigned long long>(scores.support)) +
            taken_for(*this, label) + "\n";
  }
  if (!is_short(*this)) {
    text += format("the %zu of %zu classes with the lowest F1\n", worst_shown, classes.size());
  }
  return text + format("accuracy %.4f of %llu images, mean F1 %.4f\n", confusion.accuracy(),
                       static_cast<unsigned long long>(confusion.records()),
                       confusion.macro_f1().value_or(0.0));
}

Json to_json(const EvaluationReport& report) {
  const size_t classes = report.classes.size();
  Json rows = Json::array();
  Json per_class = Json::array();
  for (size_t label = 0; label < classes; ++label) {
    Json row = Json::array();
    for (size_t other = 0; other < classes; ++other) {
      row.push_back(report.confusion.count(label, other));
    }
    rows.push_back(std::move(row));
    const train::ClassScores scores = report.confusion.scores(label);
    per_class.push_back({{"name", report.classes[label]},
                         {"precision", number(scores.precision)},
                         {"recall", number(scores.recall)},
                         {"f1", number(scores.f1)},
                         {"support", scores.support}});
  }
  return {{"images", report.confusion.records()},
          {"accuracy", report.confusion.accuracy()},
          {"macro_f1", number(report.confusion.macro_f1())},
          {"classes", report.classes},
          {"confusion", std::move(rows)},
          {"per_class", std::move(per_class)}};
}

EvaluationReport evaluation_from_json(const Json& document, const std::string& where) {
  try {
    const auto rows = document.at("confusion").get<std::vector<std::vector<uint64_t>>>();
    EvaluationReport report{document.at("classes").get<std::vector<std::string>>(),
                            train::Confusion(rows.size())};
    bool square = report.classes.size() == rows.size();
    for (size_t label = 0; square && label < rows.size(); ++label) {
      square = rows[label].size() == rows.size();
      for (size_t other = 0; square && other < rows.size(); ++other) {
        report.confusion.add(label, other, rows[label][other]);
      }
    }
    if (square) return report;
    throw data_error("the confusion matrix does not fit its classes", where, "make it again");
  } catch (const Json::exception& error) {
    throw data_error(std::string("not an evaluation: ") + error.what(), where, "make it again");
  }
}

bool is_short(const EvaluationReport& report) {
  return report.classes.size() <= classes_in_results;
}

void add_confusion(Json& result, const EvaluationReport* report) {
  const bool shown = report != nullptr && is_short(*report);
  const Json document = shown ? to_json(*report) : Json();
  result["confusion"] = shown ? document.at("confusion") : Json();
  result["per_class"] = shown ? document.at("per_class") : Json();
}

std::filesystem::path evaluation_file(const std::filesystem::path& run_dir,
                                      const std::string& model, const std::string& split) {
  return run_dir / "evaluation" / (model + "-" + split + ".json");
}

void write_evaluation(const std::filesystem::path& run_dir, const std::string& model,
                      const std::string& split, const Json& about, const EvaluationReport& report,
                      const Json& more) {
  io::create_folder(run_dir / "evaluation");
  Json document = {{"model", model}, {"split", split}};
  document.update(about);
  document.update(to_json(report));
  document.update(more);
  io::write_text_file(evaluation_file(run_dir, model, split),
                      document.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace podium::workflow
