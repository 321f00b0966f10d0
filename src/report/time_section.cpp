// Where the time of training went, rank by rank.
#include <algorithm>
#include <array>

#include "picture/lanes.hpp"
#include "report/drawn.hpp"
#include "report/sections.hpp"
#include "report/table.hpp"

namespace podium::report {
namespace {

struct Part {
  const char* key;  // of wall_by_rank and of the model
  const char* name;
  const char* kind;  // a colour
};

// They add up to wall_s.
constexpr std::array<Part, 4> parts = {{{"compute_s", "computing", "fill-train"},
                                        {"data_wait_s", "waiting for images", "fill-h2d"},
                                        {"exposed_comm_s", "waiting for gradients", "fill-direct"},
                                        {"other_s", "other", "fill-wait"}}};

constexpr size_t most_ranks = 64;  // of a model; the first ones

// A bar for each rank, cut into its parts.
picture::Lane lane_of(const ModelView& model) {
  const Place ranks = model.metrics["wall_by_rank"];
  picture::Lane lane{.name = model.name};
  lane.rows = static_cast<int>(std::min(ranks.size(), most_ranks));
  for (int row = 0; row < lane.rows; ++row) {
    double at = 0;
    for (const Part& part : parts) {
      const double seconds = ranks[static_cast<size_t>(row)][part.key].number_or(0);
      lane.stretches.push_back({at, at + seconds, part.kind,
                                "trainer " + std::to_string(row) + ", " + part.name + ": " +
                                    written(seconds, As::seconds),
                                row});
      at += seconds;
    }
  }
  return lane;
}

Markup picture_of(const RunData& run, const std::vector<ModelView>& models, double longest) {
  picture::LanesPicture picture;
  picture.about = {name_of(run, "time"), "Where the time of training went",
                   "A bar for each trainer of each model, from its start to its end."};
  for (const Part& part : parts) picture.legend.push_back({part.kind, part.name});
  for (const ModelView& model : models) {
    if (model.metrics["wall_by_rank"].size() > 0) picture.lanes.push_back(lane_of(model));
  }
  picture.unit = "s";
  picture.end = longest;
  return figure(drawing(picture::draw(picture)),
                "A bar for each trainer of each model. What computing hides of the exchange of "
                "gradients is part of computing.");
}

Markup table_of(const std::vector<ModelView>& models) {
  Table table;
  table.caption = "Mean over the trainers";
  table.headings = {"Model", "In all", "Computing", "Waiting for images", "Waiting for gradients",
                    "Other"};
  for (const ModelView& model : models) {
    if (model.metrics["wall_by_rank"].size() == 0) continue;
    Table::Row row{{model.name, quantity(model.metrics["wall_s"], As::seconds)}};
    for (const Part& part : parts) {
      row.cells.push_back(quantity(model.metrics[part.key], As::seconds));
    }
    table.rows.push_back(std::move(row));
  }
  return table.markup();
}

// The longest bar of all runs: they have one scale.
double longest_of(const std::vector<RunData>& runs) {
  double longest = 0;
  for (const RunData& run : runs) {
    for (const ModelView& model : models_of(run)) {
      const Place ranks = model.metrics["wall_by_rank"];
      for (size_t i = 0; i < ranks.size(); ++i) {
        longest = std::max(longest, ranks[i]["wall_s"].number_or(0));
      }
    }
  }
  return longest;
}

}  // namespace

void time_section(const std::vector<RunData>& runs, Page& page) {
  const double longest = longest_of(runs);
  if (longest <= 0) return;
  section_of_each(runs, page, "time", "Where the time went", [&](const RunData& run, Page&) {
    const std::vector<ModelView> models = models_of(run);
    const bool known = std::ranges::any_of(
        models, [](const ModelView& model) { return model.metrics["wall_by_rank"].size() > 0; });
    return known ? picture_of(run, models, longest) + table_of(models) : Markup();
  });
}

}  // namespace podium::report
