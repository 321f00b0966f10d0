#include "bench/nn_bench.hpp"

#include <map>

#include "bench/bench_model.hpp"
#include "bench/epoch_training.hpp"
#include "bench/samples.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "io/loader/loader.hpp"
#include "nn/cpu/peak.hpp"
#include "nn/sgd.hpp"

namespace podium::bench {
namespace {

constexpr double giga = 1e9;
constexpr double training_passes = 3;  // forward, and backward twice its FLOPs
constexpr double warm_up_share = 0.2;  // of the seconds of a repetition

std::string threads_text(int threads, const DeviceChoice& device = {}) {
  if (device.on_gpu()) return format("GPU %d", device.gpu);
  return format("%d thread%s", threads, threads == 1 ? "" : "s");
}

io::LoaderOptions loader_options(const train::Recipe& recipe, int batch) {
  io::LoaderOptions options;
  options.batch = static_cast<size_t>(batch);
  options.seed = recipe.seed;
  options.threads = 0;  // next() reads: no thread beside those that are counted
  return options;
}

// One model in training on the CPU, step after step.
class Training {
 public:
  Training(const io::Dataset& dataset, const train::Recipe& recipe, int batch, int threads)
      : recipe_(recipe),
        batch_(static_cast<size_t>(batch)),
        model_(model_for(dataset.info(), recipe, {}, threads, batch)),
        optimizer_(model_,
                   {static_cast<float>(recipe.momentum), static_cast<float>(recipe.weight_decay)}),
        loader_(dataset, loader_options(recipe, batch)) {
    model_.initialise(recipe.seed);
    loader_.start_epoch(epoch_++);
  }

  int64_t flops_per_image() const { return model_.flops_per_image(); }

  // Images per second over about `seconds`, in full batches.
  double pace(double seconds) {
    const Stopwatch watch;
    uint64_t images = 0;
    do {
      step();
      images += batch_;
    } while (watch.seconds() < seconds);
    return static_cast<double>(images) / watch.seconds();
  }

 private:
  void step() {
    std::optional<io::Batch> batch = loader_.next();
    while (!batch || batch->count() < batch_) {
      loader_.start_epoch(epoch_++);
      batch = loader_.next();
    }
    model_.forward_backward(batch->images, batch->labels,
                            static_cast<float>(recipe_.label_smoothing));
    optimizer_.step(model_.parameters(), model_.gradients(), rate);
  }

  // Small: a diverged model computes with numbers that are no numbers.
  static constexpr float rate = 0.01F;

  const train::Recipe& recipe_;
  size_t batch_;
  nn::Model model_;
  nn::Sgd optimizer_;
  io::Loader loader_;
  uint64_t epoch_ = 0;
};

// One model that classifies the same images again and again.
class Prediction {
 public:
  Prediction(const io::Dataset& dataset, const train::Recipe& recipe, const DeviceChoice& device,
             int batch, int threads)
      : batch_(static_cast<size_t>(batch)),
        model_(model_for(dataset.info(), recipe, device, threads, batch)),
        probabilities_(batch_ * dataset.info().classes) {
    model_.initialise(recipe.seed);
    io::Loader loader(dataset, loader_options(recipe, batch));
    loader.start_epoch(0);
    const io::Batch first = loader.next().value();
    images_.assign(first.images.begin(), first.images.end());
  }

  int64_t flops_per_image() const { return model_.flops_per_image(); }

  double pace(double seconds) {
    const Stopwatch watch;
    uint64_t images = 0;
    do {
      model_.predict(images_, probabilities_);
      images += batch_;
    } while (watch.seconds() < seconds);
    return static_cast<double>(images) / watch.seconds();
  }

 private:
  size_t batch_;
  nn::Model model_;
  std::vector<uint8_t> images_;
  std::vector<float> probabilities_;
};

// One measurement, as a row; `passes` forward passes are counted for each image.
template <typename Work>
Row measure(Work work, std::string what, double passes, const double* peak,
            const NnBenchOptions& options) {
  work.pace(warm_up_share * options.seconds);
  Samples samples;
  for (int i = 0; i < options.repetitions; ++i) samples.add(work.pace(options.seconds));
  Row row{std::move(what), "images/s", samples.median(), samples.spread()};
  const double flops = passes * static_cast<double>(work.flops_per_image());
  row.note = format("%.0f FLOPs an image", flops);
  if (peak != nullptr) {
    row.limit = *peak / flops;
    row.note = format("%.1f %% of the FLOP peak; ", 100 * row.ours / *row.limit) + row.note;
  }
  options.log.info("bench: " + row.what + format(": %.0f images/s", row.ours));
  return row;
}

void check_batches(const std::vector<int>& batches, const io::Dataset& dataset) {
  const size_t records = dataset.size(io::Split::train);
  for (const int batch : batches) {
    if (static_cast<size_t>(batch) <= records) continue;
    throw usage_error("a batch of " + std::to_string(batch) + " images is more than the " +
                          std::to_string(records) + " training records",
                      "bench.batches or bench.predict_batches", "use a smaller one");
  }
}

}  // namespace

std::vector<Row> bench_nn(const io::Dataset& dataset, const NnBenchOptions& options) {
  check_batches(options.batches, dataset);
  check_batches(options.predict_batches, dataset);
  std::vector<Row> rows;
  std::map<int, double> peaks;
  const DeviceChoice& device = options.device;
  const bool limited = options.peak && !device.on_gpu();
  const std::vector<int> counts = device.on_gpu() ? std::vector<int>{1} : options.threads;
  for (const int threads : counts) {
    if (!limited) break;
    peaks[threads] = nn::cpu_peak_flops(threads);
    rows.push_back({"FLOP peak, " + threads_text(threads), "GFLOP/s", peaks[threads] / giga});
    rows.back().note = "oneDNN, a large convolution, forward, f32";
  }
  for (const train::Recipe& model : options.models) {
    for (const int threads : counts) {
      const double* peak = limited ? &peaks[threads] : nullptr;
      const bool bf16 = model.numerics.precision == nn::Precision::bf16;
      const auto what = [&](const char* verb, int batch, const char* how) {
        return format("%s %s%s, batch %d, ", verb, model.name.c_str(), how, batch) +
               threads_text(threads, device);
      };
      for (const int batch : options.batches) {
        const std::string row = what("train", batch, bf16 ? " in bf16" : "");
        const double* limit = bf16 ? nullptr : peak;
        rows.push_back(device.on_gpu()
                           ? measure(EpochTraining(dataset, model, device, batch, options.log), row,
                                     training_passes, limit, options)
                           : measure(Training(dataset, model, batch, threads), row, training_passes,
                                     limit, options));
      }
      for (const int batch : options.predict_batches) {
        rows.push_back(measure(Prediction(dataset, model, device, batch, threads),
                               what("predict", batch, model.mirror ? " with its mirror image" : ""),
                               model.mirror ? 2 : 1, peak, options));
      }
    }
  }
  return rows;
}

}  // namespace podium::bench
