#include "workflow/job_view.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/text.hpp"
#include "workflow/serve_step.hpp"

namespace podium::workflow {
namespace {

std::string text_of(const Json& event, const char* key) {
  return event.at(key).get<std::string>();
}

}  // namespace

Advance advance_of(const train::EpochAdvance& advance) {
  const double within = advance.steps > 0
                            ? static_cast<double>(advance.step) / static_cast<double>(advance.steps)
                            : 0;
  return {advance.epoch - 1 + within, static_cast<double>(advance.epochs), "epochs",
          format("epoch %d/%d  loss %.4f  accuracy %.4f", advance.epoch, advance.epochs,
                 advance.loss, advance.train_accuracy)};
}

Advance advance_of(const train::Recipe& recipe, const train::Progress& progress) {
  return {static_cast<double>(progress.epochs), static_cast<double>(recipe.epochs), "epochs",
          format("epoch %d/%d  loss %.4f  val %.4f", progress.epochs, recipe.epochs, progress.loss,
                 progress.val_accuracy)};
}

Json advance_event(const std::string& key, const Advance& advance) {
  return {{"event", "advance"},     {"key", key},           {"done", advance.done},
          {"total", advance.total}, {"unit", advance.unit}, {"note", advance.note}};
}

Advance ingest_advance(uint64_t done, uint64_t total) {
  return {static_cast<double>(done), static_cast<double>(total), "records"};
}

std::string service_line(const serve::ServiceStats& stats) {
  const auto ready = std::ranges::count(stats.replicas, serve::ReplicaStats::State::ready,
                                        &serve::ReplicaStats::state);
  std::string text =
      format("version %d  %td of %zu replicas  %lld requests  p50 %.2f ms", stats.version, ready,
             stats.replicas.size(), static_cast<long long>(stats.requests), stats.p50_ms);
  if (stats.failed > 0) text += format("  %lld failed", static_cast<long long>(stats.failed));
  if (stats.restarts > 0) text += format("  %lld restarts", static_cast<long long>(stats.restarts));
  return text;
}

JobView::JobView(const Job& job, Board& board) : job_(job), board_(board) {
  board_.line("roles", "roles", job.layout.describe());
}

void JobView::note(const Json& event) {
  if (board_.off()) return;
  const std::string kind = text_of(event, "event");
  if (kind == "advance") {
    const std::string key = text_of(event, "key");
    board_.bar(
        key, key,
        {event.at("done"), event.at("total"), text_of(event, "unit"), text_of(event, "note")});
  }
  if (kind == "ingested") on_ingested(event);
  if (kind == "epoch") on_epoch(event);
  if (kind == "selected") on_selected(event);
  if (kind == "deployed") on_deployed(event);
  if (kind == "tested") on_tested(event);
  if (kind == "drained") board_.line("serve", "serve", "drained");
  if (kind == "serving") {
    ++serving_;
    if (address_.empty()) address_ = url_of(job_.settings, text_of(event, "address"));
    board_.line("serve", "serve", "no model yet  " + front_door());
  }
}

// Models whose turn comes later wait in sight.
void JobView::on_ingested(const Json& event) {
  const double records = event.at("records");
  board_.bar("ingest", "ingest", {records, records, "records"});
  board_.finish("ingest", format("%.0f records, %s", records,
                                 event.at("reused").get<bool>() ? "reused" : "built"));
  for (const train::Recipe& recipe : job_.settings.recipes) {
    board_.line(recipe.name, recipe.name, "waits for its trainers");
  }
}

void JobView::on_epoch(const Json& event) {
  const std::string name = text_of(event, "model");
  const train::Progress progress = train::progress_from_json(event);
  train::Recipe recipe;
  recipe.epochs = event.at("of_epochs");
  board_.bar(name, name, advance_of(recipe, progress));
  board_.said(name);  // the conductor logs each epoch
}

void JobView::on_selected(const Json& event) {
  const Json& model = event.at("model");
  const std::string name = text_of(model, "name");
  const int version = event.at("version");
  const bool published = event.at("published");
  std::string note = format("val %.4f", model.at("val_accuracy").get<double>());
  if (published) note += format("  published as version %d", version);
  board_.bar(name, name, {1, 1, "models"});  // it may have been known from before
  board_.finish(name, note);
  if (!published || version <= version_) return;
  version_ = version;
  answering_ = 0;
  board_.line("publish", "publish",
              format("version %d (%s) from rank %d to %zu replicas", version,
                     text_of(event, "name").c_str(), event.at("owner").get<int>(),
                     serving_ * static_cast<size_t>(job_.settings.service.replicas)));
}

void JobView::on_deployed(const Json& event) {
  const int version = event.at("version");
  if (event.contains("failed")) {
    return board_.line("publish", "publish", format("version %d cannot be served", version));
  }
  if (version >= version_ && ++answering_ >= serving_) board_.remove("publish");
  board_.line("serve", "serve",
              format("version %d (%s)  ", version, text_of(event, "name").c_str()) + front_door());
}

void JobView::on_tested(const Json& event) {
  const std::string name = text_of(event, "model");
  board_.finish(name, format("test %.4f", event.at("test_accuracy").get<double>()));
}

std::string JobView::front_door() const {
  return format("%zu replicas  ", serving_ * static_cast<size_t>(job_.settings.service.replicas)) +
         address_;
}

}  // namespace podium::workflow
