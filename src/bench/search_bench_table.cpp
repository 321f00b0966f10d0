// The table of `podium bench search`, and its rows as JSON.
#include <cmath>
#include <nlohmann/json.hpp>

#include "bench/samples.hpp"
#include "bench/search_bench.hpp"
#include "core/text.hpp"

namespace podium::bench {
namespace {

double median(const std::vector<double>& values) {
  Samples samples;
  for (const double value : values) samples.add(value);
  return samples.median();
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double deviation(const std::vector<double>& values) {
  double squares = 0;
  for (const double value : values) squares += std::pow(value - mean(values), 2);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

}  // namespace

std::string to_text(const SearchBench& bench) {
  std::string text = format(
      "%zu networks; accuracy of the best %.4f, in the mean %.4f, of the worst %.4f\n"
      "%-28s %9s %9s %9s %10s %6s %9s %9s %9s %9s %9s\n",
      bench.networks, bench.best_accuracy, bench.mean_accuracy, bench.worst_accuracy, "way",
      "last 1/5", "deviation", "random's", "chance", "learns", "regret", "best of N", "its rank",
      "entropy 0", "entropy N");
  const double random = bench.contenders.front().mean_tail();
  for (const SearchContender& each : bench.contenders) {
    const bool compared = &each != &bench.contenders.front();
    const std::string chance = compared ? format("%.2e", each.chance) : "-";
    text +=
        format("%-28s %9.4f %9.4f %9.4f %10s %6s %9.4f %9.4f %9.0f %9.3f %9.3f\n",
               each.what.c_str(), each.mean_tail(), deviation(each.tail), random, chance.c_str(),
               !compared     ? "-"
               : each.learns ? "yes"
                             : "no",
               mean(each.regret), mean(each.best), median(each.best_rank),
               each.entropy_curve.front(), each.entropy_curve.back());
  }
  return text;
}

nlohmann::ordered_json to_json(const SearchBench& bench) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  const double random = bench.contenders.front().mean_tail();
  for (const SearchContender& each : bench.contenders) {
    rows.push_back({{"what", each.what},
                    {"unit", "accuracy"},
                    {"ours", each.mean_tail()},
                    {"deviation", deviation(each.tail)},
                    {"theirs", random},
                    {"ratio", each.mean_tail() / random},
                    {"limit", bench.best_accuracy},
                    {"chance", each.chance},
                    {"learns", each.learns},
                    {"regret", mean(each.regret)},
                    {"best_reward", mean(each.best)},
                    {"best_rank", median(each.best_rank)},
                    {"best_regret", mean(each.best_regret)},
                    {"tail_of_seeds", each.tail},
                    {"reward_curve", each.reward_curve},
                    {"entropy_curve", each.entropy_curve}});
  }
  return rows;
}

}  // namespace podium::bench
