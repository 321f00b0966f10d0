#include "picture/pods.hpp"

#include <algorithm>
#include <array>

#include "core/text.hpp"

namespace podium::picture {
namespace {

constexpr double width = 400;
constexpr double block_width = 88;
constexpr double block_height = 24;
constexpr double block_step = 30;
constexpr double head = 46;  // of a pod, above its blocks
constexpr double foot = 36;  // below them: the way back
constexpr double pod_gap = 34;
constexpr std::array<double, 3> columns = {14, 144, 274};
constexpr double bus = 388;  // where the broadcast runs down

struct Column {
  const char* name;
  const char* kind;
  std::vector<std::string> blocks;
};

double height_of(const std::array<Column, 3>& engines) {
  size_t most = 1;
  for (const Column& column : engines) most = std::max(most, column.blocks.size());
  return head + block_step * static_cast<double>(most) + foot;
}

std::array<Column, 3> columns_of(const Pod& pod) {
  std::vector<std::string> inference = block_texts(pod.serve);
  return {Column{"train", "fill-train", block_texts(pod.train)},
          Column{"ckpt", "fill-ckpt", block_texts(pod.ckpt)},
          Column{"inference", "fill-inference", std::move(inference)}};
}

class Drawing {
 public:
  Drawing(Svg& svg, const PodPicture& picture) : svg_(svg), picture_(picture) {}

  double draw() {
    double y = draw_legend(svg_, legend(), 0, width) + 6;
    y = outside(y);
    const size_t shown = std::min(picture_.pods.size(), most_pods);
    std::vector<double> joints;
    for (size_t i = 0; i < shown; ++i) {
      const double bottom = pod(picture_.pods[i], y);
      joints.push_back(bottom - 14);
      y = bottom + (i + 1 < shown ? pod_gap : 0);
    }
    if (shown > 1) broadcast(joints);
    if (shown < picture_.pods.size()) {
      svg_.text(columns[0], y + 18, Anchor::start,
                format("and %zu more pods", picture_.pods.size() - shown), "faint");
      y += 24;
    }
    return y + 4;
  }

 private:
  std::vector<Meaning> legend() const {
    std::vector<Meaning> meanings = {{"fill-train", "train engine"},
                                     {"fill-ckpt", "checkpoint engine"},
                                     {"fill-inference", "inference engine"}};
    return meanings;
  }

  // What comes from outside: raw data on the left, clients on the right.
  double outside(double y) {
    const bool data = !picture_.edges.to_train.text.empty();
    const bool clients = !picture_.edges.requests.text.empty();
    if (!data && !clients) return y;
    if (data) svg_.text(columns[0], y + 11, Anchor::start, picture_.edges.to_train);
    if (clients) svg_.text(columns[2] + block_width, y + 11, Anchor::end, picture_.edges.requests);
    y += line_height;
    if (data) arrow_down(columns[0] + block_width / 2, y, y + 18);
    if (clients) arrow_down(columns[2] + block_width / 2, y, y + 18);
    return y + 20;
  }

  double pod(const Pod& pod, double y) {
    const std::array<Column, 3> engines = columns_of(pod);
    const double height = height_of(engines);
    svg_.block(2, y, width - 26, height, "room");
    svg_.text(columns[0], y + 16, Anchor::start, "pod: " + pod.name, "strong");
    if (!pod.ingest.empty()) {
      svg_.text(columns[2] + block_width, y + 16, Anchor::end, "ingest: " + ranks_text(pod.ingest),
                "faint");
    }
    for (size_t i = 0; i < engines.size(); ++i) column(engines[i], columns.at(i), y);
    if (pod.replicas > 0) {
      svg_.text(columns[2] + block_width, y + height - 10, Anchor::end,
                format("%d replica%s", pod.replicas, pod.replicas == 1 ? "" : "s"), "faint");
    }
    const double middle = y + head + block_height / 2;
    const bool trains = !pod.train.empty() && !pod.ckpt.empty();
    if (trains) {
      edge(columns[0], columns[1], middle, pod.to_ckpt);
      way_back(y + height - foot + 4);
    }
    if (!pod.ckpt.empty() && !pod.serve.empty()) {
      edge(columns[1], columns[2], middle, pod.to_inference);
    }
    return y + height;
  }

  void column(const Column& column, double x, double y) {
    if (column.blocks.empty()) return;
    svg_.text(x + block_width / 2, y + 38, Anchor::middle, column.name, "faint");
    for (size_t i = 0; i < column.blocks.size(); ++i) {
      const double top = y + head + block_step * static_cast<double>(i);
      svg_.block(x, top, block_width, block_height, column.kind);
      svg_.text(x + block_width / 2, top + 16, Anchor::middle, column.blocks[i], "on");
    }
  }

  // From the column at `from` to the one at `to`, with words above.
  void edge(double from, double to, double y, const Words& words) {
    const double begin = from + block_width + 2;
    svg_.path(format("M%.1f %.1fH%.1f", begin, y, to - 6), "arrow");
    svg_.path(format("M%.1f %.1fl-7 -4v8z", to - 1, y), "head");
    if (!words.text.empty()) {
      svg_.text((begin + to) / 2 - 1, y - 18, Anchor::middle, words, "small");
    }
  }

  void way_back(double y) {
    const double from = columns[1] + block_width / 2;
    const double to = columns[0] + block_width / 2;
    svg_.path(format("M%.1f %.1fV%.1fH%.1fV%.1f", from, y, y + 12, to, y + 6), "back");
    svg_.path(format("M%.1f %.1fl-4 7h8z", to, y), "head");
  }

  void broadcast(const std::vector<double>& joints) {
    svg_.path(format("M%.1f %.1fV%.1f", bus, joints.front(), joints.back()), "arrow");
    for (const double y : joints) {
      svg_.path(format("M%.1f %.1fH%.1f", bus, y, width - 18), "arrow");
      svg_.path(format("M%.1f %.1fl7 -4v8z", width - 24, y), "head");
    }
    const double y = joints.front() + 14 + pod_gap / 2 + 4;
    svg_.text(
        bus - 8, y, Anchor::end,
        picture_.edges.broadcast.text.empty() ? Words("broadcast") : picture_.edges.broadcast);
  }

  void arrow_down(double x, double from, double to) {
    svg_.path(format("M%.1f %.1fV%.1f", x, from, to - 6), "arrow");
    svg_.path(format("M%.1f %.1fl-4 -7h8z", x, to), "head");
  }

  Svg& svg_;
  const PodPicture& picture_;
};

}  // namespace

std::string draw(const PodPicture& picture) {
  Svg svg;
  const double height = Drawing(svg, picture).draw();
  return svg.scaled(picture.about, width, height);
}

std::string ranks_text(const std::vector<int>& ranks) {
  std::string text;
  for (size_t i = 0; i < ranks.size();) {
    size_t last = i;
    while (last + 1 < ranks.size() && ranks[last + 1] == ranks[last] + 1) ++last;
    text += (text.empty() ? "" : ", ") + std::to_string(ranks[i]);
    if (last > i) text += (last == i + 1 ? ", " : "-") + std::to_string(ranks[last]);
    i = last + 1;
  }
  return text;
}

std::vector<std::string> block_texts(const std::vector<int>& ranks) {
  std::vector<std::string> texts;
  for (size_t i = 0; i < ranks.size(); ++i) {
    if (texts.size() + 1 == most_blocks && ranks.size() > most_blocks) {
      texts.push_back(format("+ %zu ranks", ranks.size() - i));
      break;
    }
    texts.push_back("rank " + std::to_string(ranks[i]));
  }
  return texts;
}

}  // namespace podium::picture
