#include "learn_progress.hpp"

#include "core/text.hpp"

namespace podium {
namespace {

using Json = nlohmann::ordered_json;

constexpr double between_lines_s = 5;
constexpr double between_waits_s = 30;  // until a wait is worth a line

unsigned long long wide(uint64_t number) {
  return number;
}

}  // namespace

Staleness staleness_of(const learn::BufferCounts& counts) {
  Staleness staleness;
  uint64_t uses = 0;
  for (const auto& [updates, count] : counts.staleness) {
    uses += count;
    staleness.mean += static_cast<double>(updates) * static_cast<double>(count);
    if (count > 0) staleness.most = updates;
  }
  if (uses > 0) staleness.mean /= static_cast<double>(uses);
  return staleness;
}

LearnProgress::LearnProgress(const LearnSettings& settings, const learn::Hub& hub, double past_s,
                             MetricsLog& metrics, Board& board, Log log)
    : settings_(settings), hub_(hub), past_s_(past_s), metrics_(metrics), board_(board), log_(log) {
  steps_at_line_ = hub.report().trained_steps;
}

void LearnProgress::tell_begin(const learn::LearnLayout& layout, bool goes_on) const {
  board_.line("roles", "roles", layout.describe());
  log_.info("learn " + settings_.task.environment + ", " + settings_.mode.name + ": " +
            layout.describe());
  if (!goes_on) return;
  log_.info(format("learning goes on after %llu updates", wide(hub_.updates())));
}

bool LearnProgress::note(uint64_t batch, std::span<const learn::Update> updates) {
  const learn::DeskReport report = hub_.report();
  const Staleness staleness = staleness_of(report.buffer);
  const learn::Update& last = updates.back();
  metrics_.write({{"event", "batch"},
                  {"batch", batch},
                  {"updates", last.number + 1},
                  {"seconds", seconds()},
                  {"trained_steps", report.trained_steps},
                  {"steps", report.steps},
                  {"episodes", report.episodes},
                  {"mean_return", report.mean_return},
                  {"loss", last.loss},
                  {"critic_loss", last.critic_loss},
                  {"entropy", last.entropy},
                  {"kl", last.kl},
                  {"clipped_share", last.clipped_share},
                  {"importance", last.importance},
                  {"gradient_norm", last.gradient_norm},
                  {"lr", last.lr},
                  {"ready", report.buffer.ready},
                  {"staleness_mean", staleness.mean},
                  {"staleness_max", staleness.most}});
  show(batch, report, last);
  if (since_line_.seconds() >= between_lines_s) {
    const double steps_per_s =
        static_cast<double>(report.trained_steps - steps_at_line_) / since_line_.seconds();
    log_.info(
        format("learn batch %llu  steps %llu  return %.2f  entropy %.3f  staleness %.1f  "
               "%.0f steps/s",
               wide(batch), wide(report.trained_steps), report.mean_return, last.entropy,
               staleness.mean, steps_per_s));
    steps_at_line_ = report.trained_steps;
    since_line_.restart();
  }
  since_batch_.restart();
  look_at_time();
  if (settings_.has_target && report.window_full && report.mean_return >= settings_.until_return) {
    enough_ = "the return was reached";
  }
  return !enough_.empty();
}

// By batches, or by the time that learning may take, whichever ends it.
void LearnProgress::show(uint64_t batch, const learn::DeskReport& report,
                         const learn::Update& last) {
  if (board_.off()) return;
  const std::string note = format("return %.2f  entropy %.3f  %llu episodes", report.mean_return,
                                  last.entropy, wide(report.episodes));
  if (settings_.batches > 0) {
    board_.bar(
        "learn", "learn",
        {static_cast<double>(batch), static_cast<double>(settings_.batches), "batches", note});
  } else {
    board_.bar("learn", "learn", {seconds(), settings_.seconds, "s", note});
  }
  board_.line("buffer", "buffer",
              format("%llu experiences ready  %llu steps trained on of %llu",
                     wide(report.buffer.ready), wide(report.trained_steps), wide(report.steps)));
  if (board_.drawn()) return;
  board_.said("learn");  // this log has lines of its own
}

bool LearnProgress::wait() {
  if (since_batch_.seconds() >= between_waits_s) {
    const learn::DeskReport report = hub_.report();
    log_.warning(
        format("trainers wait for experiences: %llu rollouts came; of their experiences %llu were "
               "filtered, %llu too stale, %llu unrewarded, and %llu wait for a reward",
               wide(report.rollouts), wide(report.buffer.filtered), wide(report.buffer.too_stale),
               wide(report.buffer.unrewarded), wide(report.buffer.waiting)));
    since_batch_.restart();
  }
  look_at_time();
  return !enough_.empty();
}

void LearnProgress::look_at_time() {
  if (settings_.seconds > 0 && seconds() >= settings_.seconds) enough_ = "its time is over";
}

std::string LearnProgress::story(learn::Ended ended) const {
  if (ended == learn::Ended::stopped) return "it was stopped";
  return ended == learn::Ended::enough ? enough_ : "all batches were trained on";
}

}  // namespace podium
