// Three epochs of training on images that are dear to process: each epoch anew, or once with the
// results in the memory cache.
#include <array>

#include "bench/bench_model.hpp"
#include "bench/io_bench.hpp"
#include "bench/samples.hpp"
#include "bench/scratch_cache.hpp"
#include "core/text.hpp"
#include "io/image/transform.hpp"
#include "io/loader/dataset.hpp"
#include "io/loader/loader.hpp"
#include "nn/model.hpp"
#include "nn/sgd.hpp"

namespace podium::bench {
namespace {

constexpr int epochs = 3;
constexpr int batch = 128;
constexpr const char* images = "synthetic:6500,28,28,1,10";
constexpr const char* slow_steps = "resize 224 224; resize 28 28";
constexpr const char* architecture = "dense 256; relu; dense 128; relu; dense classes";

// Processes each image on its way from the disk: enlarges it and shrinks it again.
class SlowBlocks final : public io::BlockSource {
 public:
  SlowBlocks(std::unique_ptr<io::BlockSource> base, const io::ImageShape& shape)
      : base_(std::move(base)), shape_(shape), transform_(io::Transform::parse(slow_steps)) {}

  uint64_t blocks() const override { return base_->blocks(); }
  uint64_t records(uint64_t block) const override { return base_->records(block); }
  size_t record_bytes() const override { return base_->record_bytes(); }

  void read(uint64_t block, std::span<uint8_t> target) const override {
    std::vector<uint8_t> raw(target.size());
    base_->read(block, raw);
    for (size_t at = 0; at < raw.size(); at += shape_.bytes()) {
      transform_.apply(shape_, std::span(raw).subspan(at, shape_.bytes()),
                       target.subspan(at, shape_.bytes()));
    }
  }

 private:
  std::unique_ptr<io::BlockSource> base_;
  io::ImageShape shape_;
  io::Transform transform_;
};

// The seconds of each epoch of a training on `dataset`.
std::array<double, epochs> train(const io::Dataset& dataset, uint64_t first_epoch) {
  train::Recipe recipe;
  recipe.architecture = architecture;
  nn::Model model = model_for(dataset.info(), recipe, {}, 1, batch);
  model.initialise(1);
  nn::Sgd optimizer(model, {});
  io::LoaderOptions options;
  options.batch = batch;
  options.shuffle = io::Shuffle::block;  // reads each block once an epoch, with and without cache
  io::Loader loader(dataset, options);
  std::array<double, epochs> seconds{};
  for (double& each : seconds) {
    each = seconds_of([&] {
      loader.start_epoch(first_epoch++);
      while (const auto next = loader.next()) {
        model.forward_backward(next->images, next->labels, 0.0F);
        optimizer.step(model.parameters(), model.gradients(), 0.01F);
      }
    });
  }
  return seconds;
}

struct Runs {
  Samples total;
  Samples first;
  Samples later;

  double add(const std::array<double, epochs>& seconds) {
    double sum = 0;
    for (const double each : seconds) sum += each;
    total.add(sum);
    first.add(seconds.front());
    later.add((sum - seconds.front()) / (epochs - 1));
    return sum;
  }
};

io::Dataset open(const std::filesystem::path& cache, uint64_t memory_bytes, bool slow) {
  const io::DatasetInfo info = io::Dataset::open(cache, {.memory_bytes = 0}).info();
  io::DatasetOptions options;
  options.memory_bytes = memory_bytes;
  if (slow) {
    const io::ImageShape shape{info.height, info.width, info.channels};
    options.wrap = [shape](std::unique_ptr<io::BlockSource> base) {
      return std::make_unique<SlowBlocks>(std::move(base), shape);
    };
  }
  return io::Dataset::open(cache, options);
}

}  // namespace

std::vector<Row> bench_caching(const IoBenchOptions& options) {
  const ScratchCache cache(options.folder, images, options.log);
  constexpr uint64_t all = uint64_t{1} << 30;
  const io::Dataset in_memory = open(cache.path(), all, false);
  train(in_memory, 0);
  Runs without;
  Runs with;
  Runs memory;
  alternate(options.repetitions,
            {[&] { return without.add(train(open(cache.path(), 0, true), 0)); },
             [&] { return with.add(train(open(cache.path(), all, true), 0)); },
             [&] { return memory.add(train(in_memory, 0)); }});

  Row total{"3 epochs, slow images, cached", "s", with.total.median(), with.total.spread()};
  total.theirs = without.total.median();
  total.ratio = *total.theirs / total.ours;
  total.note =
      format("theirs: no cache; %.0f %% of the time saved", 100 * (1 - total.ours / *total.theirs));
  Row first{"first of these epochs", "s", with.first.median(), with.first.spread()};
  first.theirs = without.first.median();
  first.ratio = *first.theirs / first.ours;
  first.note = format("theirs: no cache; %+.1f %% dearer", 100 * (first.ours / *first.theirs - 1));
  Row later{"each later epoch", "s", with.later.median(), with.later.spread()};
  later.theirs = later.limit = memory.later.median();
  later.ratio = *later.theirs / later.ours;
  later.note = format(
      "theirs and limit: images that need no processing, from memory; %.0f %% of "
      "that speed",
      100 * *later.ratio);
  return {total, first, later};
}

}  // namespace podium::bench
