// An architecture search: what its samples were worth, and the network that won.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "picture/chart.hpp"
#include "picture/network.hpp"
#include "report/drawn.hpp"
#include "report/sections.hpp"
#include "report/winner.hpp"

namespace podium::report {
namespace {

picture::Point sample_point(const Place& sample) {
  return {.x = sample["sample"].number_or(0),
          .y = sample["reward"].number_or(0),
          .tip = sample["architecture"].text(sample["reason"].text())};
}

picture::Series best_of(const std::vector<Place>& samples) {
  picture::Series series{.name = "best so far", .dots = false};
  for (const Place& sample : samples) {
    const double best = sample["best_reward"].number_or(0);
    series.points.push_back({.x = sample["sample"].number_or(0), .y = best});
  }
  return series;
}

// Over a fifth of the samples, as the result line's tail mean is.
picture::Series running_mean(const std::vector<Place>& samples, const std::string& name) {
  const size_t window = std::max<size_t>(1, (samples.size() + 4) / 5);
  picture::Series series{.name = name, .dots = false};
  double sum = 0;
  for (size_t i = 0; i < samples.size(); ++i) {
    sum += samples[i]["reward"].number_or(0);
    if (i >= window) sum -= samples[i - window]["reward"].number_or(0);
    const double mean = sum / static_cast<double>(std::min(i + 1, window));
    series.points.push_back({.x = samples[i]["sample"].number_or(0), .y = mean});
  }
  return series;
}

picture::Chart axes(picture::About about) {
  picture::Chart chart;
  chart.about = std::move(about);
  chart.x = {.name = "sample", .least = 0};
  chart.y = {.name = "reward (validation accuracy)", .least = 0, .most = 1};
  return chart;
}

Markup rewards_of(const RunData& run, const std::vector<Place>& samples) {
  picture::Chart chart =
      axes({name_of(run, "rewards"), "Rewards of the search of " + run.name,
            "A dot for each sample; lines for the running mean and the best so far."});
  picture::Series dots{.name = "samples", .line = false, .pale = true};
  for (const Place& sample : samples) dots.points.push_back(sample_point(sample));
  chart.series = {std::move(dots), running_mean(samples, "running mean"), best_of(samples)};
  const Place result = run.result();
  const Place last = samples.back();
  Markup text = "Of ";
  text += quantity(result["samples"] ? result["samples"] : last["sample"], As::count);
  text += " samples";
  if (result["method"]) text += " by " + result["method"].text();
  text += " the best reached ";
  text +=
      quantity(result["best_reward"] ? result["best_reward"] : last["best_reward"], As::percent);
  if (result["tail_mean_reward"]) {
    text += "; the last fifth ";
    text += quantity(result["tail_mean_reward"], As::percent);
    text += " on the average, all ";
    text += quantity(result["mean_reward"], As::percent);
  }
  return figure(drawing(picture::draw(chart)), text + ".");
}

// The network with the highest reward: of the result, or of a search that is under way.
Place winner_of(const RunData& run, const std::vector<Place>& samples) {
  if (run.result()["best_architecture"]) return run.result()["best_architecture"];
  const auto best = std::ranges::max_element(
      samples, {}, [](const Place& sample) { return sample["reward"].number_or(0); });
  return (*best)["architecture"];
}

Markup winner(const RunData& run, const std::vector<Place>& samples) {
  const std::string text = winner_of(run, samples).text();
  if (text.empty()) return {};
  const std::optional<picture::NetworkPicture> drawn =
      draw_network(text, run["config"]["io.source"].text());
  if (!drawn) return {};
  picture::NetworkPicture picture = *drawn;
  picture.about = {name_of(run, "winner"), "The network that won", text};
  const Place result = run.result();
  Markup caption = "The best network: " + tag("code", text);
  if (result["best_parameters"]) {
    caption += ", " + quantity(result["best_parameters"], As::count) + " parameters";
  }
  return figure(drawing(picture::draw(picture)), caption + ".");
}

Markup search_of_run(const RunData& run, Page&) {
  const std::vector<Place> samples = own_events(run, "sample");
  if (samples.empty()) return {};
  return tag("div", {{"class", "figures"}}, rewards_of(run, samples) + winner(run, samples));
}

// Searches beside each other, for instance a controller that learns and one that does not.
void compare(const std::vector<RunData>& runs, Page& page) {
  picture::Chart chart = axes({"rewards", "Running means of all searches",
                               "A line for each search: the mean reward of its last samples."});
  for (const RunData& run : runs) {
    const std::vector<Place> samples = own_events(run, "sample");
    if (!samples.empty()) chart.series.push_back(running_mean(samples, run.name));
  }
  if (chart.series.size() < 2) return;
  page.add(figure(drawing(picture::draw(chart)),
                  "The searches on one scale: means over a fifth of each one's samples."));
}

}  // namespace

void search_section(const std::vector<RunData>& runs, Page& page) {
  const size_t before = page.section_ids().size();
  section_of_each(runs, page, "search", "Search", search_of_run);
  if (page.section_ids().size() > before) compare(runs, page);
}

}  // namespace podium::report
