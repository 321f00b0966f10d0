// The grammar of Prometheus' text format 0.0.4, checked line by line, stricter than its readers: a
// family has HELP, TYPE and then its samples, once; no sample twice; histograms are cumulative, end
// with +Inf and agree with their count.
#pragma once

#include <cmath>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace podium::serve::test {

class ExpositionChecker {
 public:
  explicit ExpositionChecker(const std::string& text) {
    if (text.empty() || text.back() != '\n') complain("the last line has no end");
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) check_line(line);
    end_histograms();
    if (!help_.empty()) complain("HELP without TYPE: " + help_);
  }

  const std::vector<std::string>& complaints() const { return complaints_; }
  // The value of a sample as it is written, for instance `a_total{b="c"}`; empty: there is none.
  std::optional<double> value(const std::string& sample) const {
    const auto found = samples_.find(sample);
    if (found == samples_.end()) return {};
    return found->second;
  }

 private:
  void complain(const std::string& what) { complaints_.push_back(what); }

  void check_line(const std::string& line) {
    static const std::regex help(R"(# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) ((?:[^\\]|\\\\|\\n)*))");
    static const std::regex type(
        R"(# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram|summary|untyped))");
    std::smatch found;
    if (std::regex_match(line, found, help)) return begin(found[1]);
    if (std::regex_match(line, found, type)) return begin_samples(found[1], found[2]);
    check_sample(line);
  }

  void begin(const std::string& family) {
    end_histograms();
    if (!help_.empty()) complain("HELP without TYPE: " + help_);
    help_ = family;
    if (!families_.insert(family).second) complain("family twice: " + family);
  }

  void begin_samples(const std::string& family, const std::string& type) {
    if (family != help_) complain("TYPE without its HELP: " + family);
    help_.clear();
    family_ = family;
    type_ = type;
  }

  void check_sample(const std::string& line) {
    static const std::regex sample(
        R"re(([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(.*)\})? (NaN|[+-]Inf|[-+]?[0-9.]+(?:e[-+]?[0-9]+)?))re");
    static const std::regex labels(
        R"re(([a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\\\|\\"|\\n)*")(,[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\\\|\\"|\\n)*")*)re");
    std::smatch found;
    if (!std::regex_match(line, found, sample)) return complain("no sample: " + line);
    const std::string inside = found[3];
    if (found[2].matched && !std::regex_match(inside, labels)) complain("labels: " + line);
    const std::string name = found[1];
    const bool histogram = type_ == "histogram";
    const std::string suffix = name.starts_with(family_) ? name.substr(family_.size()) : "?";
    const bool fits =
        histogram ? suffix == "_bucket" || suffix == "_sum" || suffix == "_count" : suffix.empty();
    if (!fits) complain("outside of its family " + family_ + ": " + line);
    const double value = number(found[4]);
    if (type_ == "counter" && !(value >= 0)) complain("a counter below zero: " + line);
    if (!samples_.emplace(name + found[2].str(), value).second) complain("twice: " + line);
    if (histogram) take_part(suffix, inside, value);
  }

  static double number(const std::string& text) {
    return std::stod(text == "+Inf" ? "inf" : text == "-Inf" ? "-inf" : text);
  }

  struct Histogram {
    std::vector<std::pair<double, double>> buckets;
    std::optional<double> sum;
    std::optional<double> count;
  };

  void take_part(const std::string& suffix, const std::string& inside, double value) {
    static const std::regex le(R"re((.*?),?le="([^"]*)")re");
    if (suffix != "_bucket") {
      Histogram& histogram = histograms_[inside];
      (suffix == "_sum" ? histogram.sum : histogram.count) = value;
      return;
    }
    std::smatch found;
    if (!std::regex_match(inside, found, le)) return complain("a bucket without le: " + inside);
    histograms_[found[1]].buckets.emplace_back(number(found[2]), value);
  }

  void end_histograms() {
    for (const auto& [labels, histogram] : histograms_) {
      const std::string where = family_ + "{" + labels + "}";
      for (size_t i = 1; i < histogram.buckets.size(); ++i) {
        if (histogram.buckets[i].first <= histogram.buckets[i - 1].first ||
            histogram.buckets[i].second < histogram.buckets[i - 1].second) {
          complain("buckets do not ascend: " + where);
        }
      }
      if (!histogram.sum || !histogram.count || histogram.buckets.empty()) {
        complain("a histogram lacks a part: " + where);
      } else if (histogram.buckets.back().first != HUGE_VAL ||
                 histogram.buckets.back().second != *histogram.count) {
        complain("the last bucket is not the count: " + where);
      }
    }
    histograms_.clear();
  }

  std::vector<std::string> complaints_;
  std::map<std::string, double> samples_;
  std::set<std::string> families_;
  std::string help_;  // of a family whose TYPE has not come
  std::string family_;
  std::string type_;
  std::map<std::string, Histogram> histograms_;  // of the family, by labels
};

}  // namespace podium::serve::test
