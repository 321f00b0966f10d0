#include "train/recipe_check.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "core/error.hpp"
#include "core/text.hpp"
#include "io/loader/batch_range.hpp"
#include "nn/architecture.hpp"
#include "nn/backend.hpp"
#include "nn/network_plan.hpp"

namespace podium::train {
namespace {

constexpr size_t largest_batch = 65536;  // that the options allow

// The network as it would be trained; its errors name the model too.
nn::NetworkPlan plan_of(const Recipe& recipe, const io::DatasetInfo& info) {
  const nn::ImageShape image{static_cast<int>(info.channels), static_cast<int>(info.height),
                             static_cast<int>(info.width)};
  try {
    return nn::plan_network(nn::parse_architecture(recipe.architecture), image,
                            static_cast<int>(info.classes));
  } catch (const Error& error) {
    throw Error(error.code(),
                "model '" + recipe.name + "' does not fit the images: " + error.what(), "", "");
  }
}

void check_augmentation(const Recipe& recipe, const io::DatasetInfo& info) {
  const auto misfit =
      io::misfit_of(augmentation_of(recipe), {info.height, info.width, info.channels});
  if (!misfit) return;
  throw usage_error(misfit->what, flag_of(recipe, misfit->option), misfit->remedy);
}

// Micro-batches without an image in every step are a mistake.
void check_accumulate(const Recipe& recipe, size_t records, size_t trainers) {
  const size_t images = std::min(static_cast<size_t>(recipe.batch), records);
  if (recipe.accumulate == 1 || static_cast<size_t>(recipe.accumulate) * trainers <= images) return;
  throw usage_error(format("%zu images a step are fewer than %d micro-batches of %zu trainer%s",
                           images, recipe.accumulate, trainers, trainers == 1 ? "" : "s"),
                    flag_of(recipe, "accumulate"), "lower it, or raise the batch");
}

void check_average(const Recipe& recipe, size_t records) {
  if (recipe.ema == 0) return;
  const size_t steps =
      io::steps_of(records, static_cast<size_t>(recipe.batch)) * static_cast<size_t>(recipe.epochs);
  if (static_cast<size_t>(recipe.ema_every) <= steps) return;
  throw usage_error("the weights would be averaged every " + std::to_string(recipe.ema_every) +
                        " steps, and never in the " + std::to_string(steps) + " of this run",
                    flag_of(recipe, "ema_every"), "average more often, or set ema = 0");
}

// The batch nearest to `batch` that leaves no rank with a single image, for the error; 0: none.
size_t nearest_batch(size_t records, size_t batch, size_t trainers, size_t accumulate) {
  const auto fits = [&](size_t other) {
    return step_with_single_image(records, other, trainers, accumulate) == 0;
  };
  for (size_t away = 1; away < largest_batch; ++away) {
    if (batch > away && fits(batch - away)) return batch - away;
    if (batch + away <= largest_batch && fits(batch + away)) return batch + away;
  }
  return 0;
}

// A value is normalised by the others of its channel: by those of the same image too, if there are
// any. A single one always becomes 0, and what the layer passes on does not depend on the image.
void check_batch_norms(const Recipe& recipe, const nn::NetworkPlan& plan, size_t records,
                       size_t trainers) {
  const auto batch = static_cast<size_t>(recipe.batch);
  const auto accumulate = static_cast<size_t>(recipe.accumulate);
  const size_t images = step_with_single_image(records, batch, trainers, accumulate);
  if (images == 0) return;
  const auto found = std::ranges::find_if(plan.layers, [](const nn::LayerPlan& layer) {
    return layer.op == nn::LayerOp::batch_norm && layer.input.pixels() == 1;
  });
  if (found == plan.layers.end()) return;
  const size_t better = nearest_batch(records, batch, trainers, accumulate);
  const bool tail = images < std::min(batch, records);
  throw usage_error(
      format("batch norm '%s' would see one value per channel, and learn nothing, in the %s of %zu "
             "image%s for %zu trainer%s",
             found->name.c_str(), tail ? "last step of an epoch" : "steps", images,
             images == 1 ? "" : "s", trainers, trainers == 1 ? "" : "s") +
          (accumulate == 1 ? "" : format(" in %zu micro-batches each", accumulate)),
      flag_of(recipe, "batch"),
      better == 0 ? "use fewer trainers or more records"
                  : "use for instance a batch of " + std::to_string(better));
}

}  // namespace

void check_values(const Recipe& recipe) {
  if (!(recipe.lr > 0)) {
    throw usage_error(format("a learning rate of %g teaches nothing", recipe.lr),
                      flag_of(recipe, "lr"), "give a positive number");
  }
  if (!(recipe.warmup >= 0 && recipe.warmup < 1)) {
    throw usage_error(
        format("the learning rate cannot rise over a share of %g of the steps", recipe.warmup),
        flag_of(recipe, "warmup"), "give a number from 0 to below 1");
  }
  if (recipe.lookahead && recipe.ema == 0) {
    throw usage_error("lookahead without an average of the weights", flag_of(recipe, "lookahead"),
                      "set ema too");
  }
  if (recipe.mirror && recipe.flip == Flip::none) {
    throw usage_error("tta=flip for a model that never saw a mirrored image",
                      flag_of(recipe, "tta"), "set flip too, or leave tta out");
  }
}

void check_fit(const Recipe& recipe, const TrainingPlace& place) {
  const io::DatasetInfo& info = place.dataset.info();
  const size_t records = place.dataset.size(io::Split::train);
  const nn::NetworkPlan plan = plan_of(recipe, info);
  check_augmentation(recipe, info);
  check_average(recipe, records);
  check_accumulate(recipe, records, place.trainers);
  check_batch_norms(recipe, plan, records, place.trainers);
}

// bf16 is for cores that multiply its matrices; `podium bench nn` measures it on others.
void check_precision(const Recipe& recipe, const DeviceChoice& device) {
  if (recipe.numerics.precision == nn::Precision::fp32 || nn::has_bf16_matrices(device)) return;
  throw unavailable_error("the cores of this node do not multiply bf16 matrices (AMX)",
                          flag_of(recipe, "precision"), "train it in fp32");
}

void check_consistency(const Recipe& recipe, ps::Consistency consistency) {
  if (recipe.ema == 0 || consistency == ps::Consistency::bsp) return;
  throw usage_error("an average of the weights needs trainers that have the same weights",
                    flag_of(recipe, "ema"),
                    "set ema = 0, or use --ps.consistency=bsp, where they have");
}

size_t step_with_single_image(size_t records, size_t batch, size_t trainers, size_t accumulate) {
  const size_t steps = io::steps_of(records, batch);
  if (steps == 0) return 0;
  for (const size_t step : std::array{size_t{0}, steps - 1}) {
    const io::BatchRange all = io::batch_range(step, batch, records);
    for (size_t part = 0; part < trainers * accumulate; ++part) {
      const io::BatchRange mine = io::share_of(all, part / accumulate, trainers);
      if (io::share_of(mine, part % accumulate, accumulate).count() == 1) return all.count();
    }
  }
  return 0;
}

}  // namespace podium::train
