#include "report/advice.hpp"

#include <algorithm>
#include <cmath>

#include "core/text.hpp"

namespace podium::report {
namespace {

// What is worth a word.
constexpr double much_waiting = 0.20;    // of a model's time, for other ranks
constexpr double much_loading = 0.10;    // of a model's time, for images
constexpr double much_slower = 1.25;     // one rank's computing over another's
constexpr double much_idle = 0.50;       // of the time of explorers and trainers, less is work
constexpr double few_hits = 0.90;        // of reads, from memory
constexpr double fall = 0.005;           // of validation accuracy since its best epoch
constexpr double still_rising = 0.005;   // of validation accuracy in the last epoch
constexpr double wide_gap = 0.03;        // of training over validation accuracy
constexpr double confused_share = 0.15;  // of all mistakes, by one pair of classes
constexpr double confused_images = 10;

Markup code(const std::string& text) {
  return tag("code", text);
}

// The rules of one run.
class Rules {
 public:
  Rules(const RunData& run, const Derive& derive)
      : run_(run), models_(models_of(run)), derive_(derive) {}

  std::vector<Advice> all() {
    unfinished();
    narrow_lead();
    for (const ModelView& model : models_) curves(model);
    waiting();
    loading();
    uneven();
    cache();
    confused();
    found();
    idle();
    return std::move(list_);
  }

 private:
  void add(const std::string& rule, const Markup& text) { list_.push_back({rule, text}); }

  Markup derived(const std::string& name, double value, As as) const {
    return derive_("runs/" + std::to_string(run_.index) + "/" + name, value, as);
  }

  void unfinished() {
    const std::string state = run_["state"].text();
    if (state == "stopped") {
      add("stopped", "The run was stopped early: the same command goes on from its checkpoint.");
    } else if (state == "failed" || state == "unfinished") {
      add("unfinished",
          "The run did not reach its end: once the cause is mended, the same command goes on from "
          "its checkpoint, where it had one.");
    }
  }

  // The best model, and the next.
  void narrow_lead() {
    std::vector<const ModelView*> order;
    for (const ModelView& model : models_) {
      if (model.metrics["val_accuracy"].number()) order.push_back(&model);
    }
    std::ranges::stable_sort(order, std::greater{}, [](const ModelView* model) {
      return model->metrics["val_accuracy"].number_or(0);
    });
    const Place data = run_.last("tested")["data"]["validation"];
    const double images = data.number_or(0);
    if (order.size() < 2 || images < 1) return;
    const double best = order[0]->metrics["val_accuracy"].number_or(0);
    const double next = order[1]->metrics["val_accuracy"].number_or(0);
    const double error = std::sqrt((best * (1 - best) + next * (1 - next)) / images);
    if (best - next >= 2 * error) return;
    add("narrow_lead", "The lead of " + Markup(order[0]->name) + " over " + order[1]->name + " (" +
                           derived("lead", best - next, As::points) +
                           ") is within what chance makes of " + quantity(data, As::count) +
                           " validation images (" + derived("lead_error", 2 * error, As::points) +
                           " at two standard errors). Train both with other seeds (" +
                           code("--train.seed=2") + "), set more images aside (" +
                           code("--io.validation") + "), or take the smaller one.");
  }

  void curves(const ModelView& model) {
    if (model.epochs.size() < 2) return;
    const auto accuracy = [](const Place& epoch) { return epoch["val_accuracy"].number_or(0); };
    const Place& last = model.epochs.back();
    const Place& before = model.epochs[model.epochs.size() - 2];
    const Place best = *std::ranges::max_element(model.epochs, {}, accuracy);
    const double gap = last["train_accuracy"].number_or(0) - accuracy(last);
    const std::string flags = "--model." + model.name + ".";
    if (accuracy(best) - accuracy(last) > fall &&
        last["train_accuracy"].number_or(0) > best["train_accuracy"].number_or(0)) {
      add("overfit", "The validation accuracy of " + Markup(model.name) + " fell from " +
                         quantity(best["val_accuracy"], As::percent) + " after epoch " +
                         quantity(best["epochs"], As::count) + " to " +
                         quantity(last["val_accuracy"], As::percent) +
                         " while its training accuracy rose: train it for fewer epochs (" +
                         code(flags + "epochs") + "), or vary its images (" + code(flags + "flip") +
                         ", " + code(flags + "cutout") + ").");
    } else if (gap > wide_gap) {
      add("gap", Markup(model.name) + " is " + derived("gap/" + model.name, gap, As::points) +
                     " better on its training images than on validation: vary them (" +
                     code(flags + "flip") + ", " + code(flags + "cutout") +
                     "), train on more, or raise " + code(flags + "weight_decay") + ".");
    } else if (accuracy(last) - accuracy(before) > still_rising && accuracy(last) < 0.995) {
      add("rising",
          "The validation accuracy of " + Markup(model.name) +
              " still rose in its last epoch, by " +
              derived("rise/" + model.name, accuracy(last) - accuracy(before), As::points) +
              ": more epochs may bring more (" + code(flags + "epochs") + ").");
    }
  }

  // The model that gives the largest share of its time to `part`, and that share.
  std::pair<const ModelView*, double> largest_share(const char* part) const {
    std::pair<const ModelView*, double> largest{nullptr, 0};
    for (const ModelView& model : models_) {
      const double wall_s = model.metrics["wall_s"].number_or(0);
      const double share = wall_s > 0 ? model.metrics[part].number_or(0) / wall_s : 0;
      if (share > largest.second) largest = {&model, share};
    }
    return largest;
  }

  void waiting() {
    const auto [model, share] = largest_share("exposed_comm_s");
    if (share <= much_waiting) return;
    add("waiting",
        "While " + Markup(model->name) + " was trained, " + derived("waiting", share, As::percent) +
            " of the time passed in waiting for gradients of other ranks: the steps are too short "
            "for so many trainers. Try fewer of them (" +
            code("--roles=train=") + "), a larger " + code("--train.batch") + ", or another " +
            code("--comm.overlap") + ".");
  }

  void loading() {
    const auto [model, share] = largest_share("data_wait_s");
    if (share <= much_loading) return;
    add("loading",
        "While " + Markup(model->name) + " was trained, " + derived("loading", share, As::percent) +
            " of the time passed in waiting for images: try more " + code("--io.prefetch_threads") +
            " or a larger " + code("--io.cache_memory") + ".");
  }

  void uneven() {
    for (const ModelView& model : models_) {
      const Place ranks = model.metrics["wall_by_rank"];
      double least = 1e300;
      double most = 0;
      for (size_t i = 0; i < ranks.size(); ++i) {
        const double compute_s = ranks[i]["compute_s"].number_or(0);
        least = std::min(least, compute_s);
        most = std::max(most, compute_s);
      }
      if (ranks.size() < 2 || least <= 0 || most < much_slower * least) continue;
      add("uneven", "The slowest trainer of " + Markup(model.name) + " computed " +
                        derived("uneven", most / least, As::number) +
                        " times as long as the fastest, and all wait for it: look for other load "
                        "on its node, or for cores that ranks share.");
      return;
    }
  }

  void cache() {
    Place report = run_.result()["memory_cache"];
    if (!report) report = run_.last("memory_cache")["report"];
    const double hits = report["hits"].number_or(0);
    const double reads = hits + report["misses"].number_or(0);
    if (reads < 1 || report["evictions"].number_or(0) < 1 || hits >= few_hits * reads) return;
    add("cache", "Only " + derived("hits", hits / reads, As::percent) +
                     " of reads were met from memory, and batches were put out " +
                     quantity(report["evictions"], As::count) + " times: a larger " +
                     code("--io.cache_memory") + " saves reading them again.");
  }

  // The pair of classes of the selected model that is taken for each other most often.
  void confused() {
    const auto model = std::ranges::find_if(models_, &ModelView::selected);
    if (model == models_.end()) return;
    const Place evaluation = run_["evaluation"][model->name + "-test"];
    const Place matrix = evaluation["confusion"];
    double all = 0;
    double most = 0;
    std::pair<size_t, size_t> pair;
    for (size_t a = 0; a < matrix.size(); ++a) {
      for (size_t b = a + 1; b < matrix.size(); ++b) {
        const double both = matrix[a][b].number_or(0) + matrix[b][a].number_or(0);
        all += both;
        if (both > most) {
          most = both;
          pair = {a, b};
        }
      }
    }
    if (most < confused_images || most < confused_share * all) return;
    const auto name = [&](size_t label) { return evaluation["classes"][label].text("?"); };
    add("confused", "Of the mistakes of " + Markup(model->name) + ", " +
                        derived("confused_share", most / all, As::percent) + " (" +
                        derived("confused", most, As::count) + ") are between " +
                        tag("q", name(pair.first)) + " and " + tag("q", name(pair.second)) +
                        ": look at them below. If people tell them apart, more images of the two "
                        "help; if not, the two may be one class.");
  }

  // A search trains its networks only as far as it has to.
  void found() {
    const Place winner = run_.result()["winner"];
    if (winner.text().empty()) return;
    add("winner", "The search trained its networks briefly: train, test and serve the winner (" +
                      code("podium run " + winner.text()) + ").");
  }

  // Explorers and trainers that wait for each other.
  void idle() {
    const Place result = run_.result();
    if (result["mode"].text() != "synchronous" || !result["utilisation"]) return;
    if (result["utilisation"].number_or(1) >= much_idle) return;
    add("idle", "Explorers and trainers worked only " +
                    quantity(result["utilisation"], As::percent) +
                    " of their time, as they wait for each other: try " +
                    code("--learn.mode=fully_async") + ".");
  }

  const RunData& run_;
  std::vector<ModelView> models_;
  const Derive& derive_;
  std::vector<Advice> list_;
};

}  // namespace

std::vector<Advice> advise(const RunData& run, const Derive& derive) {
  return Rules(run, derive).all();
}

}  // namespace podium::report
