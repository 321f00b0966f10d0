#include "bench/learn_picture.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "core/text.hpp"

namespace podium::bench {
namespace {

using learn::Spent;
using learn::SpentSpan;

constexpr int left = 110;
constexpr int width = 900;
constexpr int row_height = 18;
constexpr int title_height = 22;
constexpr int gap = 10;
constexpr int top = 40;

constexpr const char* rollout_colour = "#ffd92f";
constexpr const char* train_colour = "#74c476";
constexpr const char* direct_colour = "#9e7fc0";
constexpr const char* checkpoint_colour = "#de4b39";
constexpr const char* wait_colour = "#eeeeee";

struct Window {
  int64_t begin_ns = 0;
  int64_t length_ns = 0;
};

const char* colour_of(Spent what, learn::SyncMethod method) {
  switch (what) {
    case Spent::rollout:
      return rollout_colour;
    case Spent::train:
      return train_colour;
    case Spent::transfer:
      return method == learn::SyncMethod::direct ? direct_colour : checkpoint_colour;
    case Spent::wait_for_experiences:
    case Spent::wait_for_weights:
    case Spent::wait_for_room:
      return wait_colour;
    case Spent::other:
      break;
  }
  return "white";
}

std::string legend() {
  constexpr std::pair<const char*, const char*> entries[] = {
      {"rollout", rollout_colour},
      {"train", train_colour},
      {"sync weight (direct)", direct_colour},
      {"sync weight (checkpoint)", checkpoint_colour},
      {"wait", wait_colour}};
  std::string text;
  int x = left;
  for (const auto& [name, colour] : entries) {
    text += format(
        "<rect x=\"%d\" y=\"12\" width=\"14\" height=\"12\" fill=\"%s\" stroke=\"#555\" "
        "stroke-width=\"0.3\"/><text x=\"%d\" y=\"22\">%s</text>\n",
        x, colour, x + 18, name);
    x += 40 + 7 * static_cast<int>(std::string_view(name).size());
  }
  return text;
}

std::string lane(const std::string& name, const std::vector<SpentSpan>& spans,
                 learn::SyncMethod method, const Window& window, int y) {
  std::string text = format("<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n", left - 6,
                            y + row_height - 5, name.c_str());
  const double scale = width / static_cast<double>(window.length_ns);
  for (const SpentSpan& span : spans) {
    const int64_t begin = std::max<int64_t>(span.begin_ns - window.begin_ns, 0);
    const int64_t end = std::min(span.end_ns - window.begin_ns, window.length_ns);
    if (end <= begin) continue;
    text += format(
        "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\" stroke=\"#555\" "
        "stroke-width=\"0.3\"/>\n",
        left + static_cast<double>(begin) * scale, y,
        std::max(1.0, static_cast<double>(end - begin) * scale), row_height - 3,
        colour_of(span.what, method));
  }
  return text;
}

}  // namespace

std::string picture_of(const std::vector<LearnPicture>& modes, size_t warm_up, size_t batches) {
  int64_t length_ns = 1;
  int height = top;
  for (const LearnPicture& mode : modes) {
    const std::vector<int64_t>& at = mode.timeline.trained_ns;
    length_ns = std::max(length_ns, at.at(warm_up + batches) - at.at(warm_up));
    height +=
        title_height + row_height * static_cast<int>(mode.timeline.explorers.size() + 1) + gap;
  }
  std::string text = format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
      "font-family=\"sans-serif\" font-size=\"11\">\n"
      "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
      left + width + 20, height + 20);
  text += legend();
  int y = top;
  for (const LearnPicture& mode : modes) {
    const Window window{mode.timeline.trained_ns.at(warm_up), length_ns};
    text += format("<text x=\"4\" y=\"%d\" font-weight=\"bold\">%s</text>\n", y + 14,
                   mode.mode.c_str());
    y += title_height;
    for (const auto& [explorer, spans] : mode.timeline.explorers) {
      text += lane("explorer " + std::to_string(explorer), spans, mode.method, window, y);
      y += row_height;
    }
    text += lane("trainer", mode.timeline.trainers, mode.method, window, y);
    y += row_height + gap;
  }
  text += format(
      "<text x=\"%d\" y=\"%d\">0</text><text x=\"%d\" y=\"%d\" "
      "text-anchor=\"end\">%.0f ms</text>\n</svg>\n",
      left, y + 8, left + width, y + 8, static_cast<double>(length_ns) * 1e-6);
  return text;
}

}  // namespace podium::bench
