#include "train/epoch_table.hpp"

#include <array>

#include "core/error.hpp"
#include "io/loader/batch_range.hpp"
#include "io/loader/epoch_order.hpp"

namespace podium::train {
namespace {

io::BatchRange range_of_rank(const io::LoaderOptions& data, size_t step, uint64_t records) {
  return io::share_of(io::batch_range(step, data.batch, records), data.rank, data.world);
}

}  // namespace

size_t images_of_rank(const io::LoaderOptions& data, uint64_t records) {
  size_t images = 0;
  const size_t steps = io::steps_of(records, data.batch);
  for (size_t step = 0; step < steps; ++step) images += range_of_rank(data, step, records).count();
  return images;
}

void draw_images(const EpochPlan& plan, const io::ImageShape& shape, uint64_t records,
                 std::span<DrawnImage> images) {
  const io::LoaderOptions& data = plan.data;
  require(data.shuffle == io::Shuffle::full, "the order is a full shuffle", "draw_images");
  const std::array<uint32_t, 2> one_block = {0, static_cast<uint32_t>(records)};
  const io::EpochOrder order(one_block, {data.shuffle, 1, data.batch, data.seed, plan.epoch});
  const std::vector<uint32_t> all = order.group(0);
  const size_t steps = io::steps_of(records, data.batch);
  size_t next = 0;
  for (size_t step = 0; step < steps; ++step) {
    const io::BatchRange mine = range_of_rank(data, step, records);
    require(next + mine.count() <= images.size(), "the table has room", "draw_images");
    for (uint64_t position = mine.begin; position < mine.end; ++position) {
      const uint32_t record = all[position];
      images[next++] = {io::draw(data.augmentation, shape, {data.seed, plan.epoch, record}),
                        record};
    }
  }
}

std::vector<PlannedStep> plan_steps(const EpochPlan& plan, uint64_t records,
                                    const WeightAverage* average) {
  std::vector<PlannedStep> steps(io::steps_of(records, plan.data.batch));
  for (size_t i = 0; i < steps.size(); ++i) {
    PlannedStep& step = steps[i];
    step.step = plan.first_step + static_cast<int64_t>(i);
    step.lr = plan.schedule.at(step.step);
    if (average != nullptr) step.average_share = average->share(step.step, plan.steps_of_run);
    step.images = range_of_rank(plan.data, i, records).count();
    step.images_of_all = io::batch_range(i, plan.data.batch, records).count();
  }
  return steps;
}

}  // namespace podium::train
