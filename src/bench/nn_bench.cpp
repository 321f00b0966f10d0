#include "bench/nn_bench.hpp"

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "bench/bench_model.hpp"
#include "bench/epoch_training.hpp"
#include "bench/nn_limits.hpp"
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

// One measurement, as a row.
template <typename Work>
Row measure(Work work, std::string what, const ImageCost& cost, const std::optional<Limit>& limit,
            const NnBenchOptions& options) {
  work.pace(warm_up_share * options.seconds);
  Samples samples;
  for (int i = 0; i < options.repetitions; ++i) samples.add(work.pace(options.seconds));
  Row row{std::move(what), "images/s", samples.median(), samples.spread()};
  row.note = format("%.0f FLOPs an image", cost.flops);
  if (limit) {
    row.limit = limit->images_per_s;
    row.note = format("%.1f %% of the %s; ", 100 * row.ours / *row.limit, limit->what) + row.note;
  }
  options.log.info("bench: " + row.what + format(": %.0f images/s", row.ours));
  return row;
}

// What the machine does at most, measured once each and told in rows of their own.
class Machine {
 public:
  explicit Machine(const NnBenchOptions& options) : options_(options) {}

  // In the numbers of `numerics`; none where the peak is not measured, or on a CPU is not that of
  // these numbers.
  std::optional<Limit> limit(const ImageCost& cost, int threads, nn::Numerics numerics) {
    if (!options_.peak) return {};
    if (options_.device.on_gpu()) return device_limit(cost, gpu(numerics));
    if (numerics.precision == nn::Precision::bf16) return {};
    return flop_limit(cost, cpu(threads));
  }

  double cpu(int threads) {
    const auto [found, is_new] = peaks_.try_emplace(threads);
    if (!is_new) return found->second;
    found->second = nn::cpu_peak_flops(threads);
    rows_.push_back({"FLOP peak, " + threads_text(threads), "GFLOP/s", found->second / giga});
    rows_.back().note = "oneDNN, a large convolution, forward, f32";
    return found->second;
  }

  std::vector<Row> take_rows() { return std::exchange(rows_, {}); }

 private:
  const nn::DeviceLimits& gpu(nn::Numerics numerics) {
    const bool bf16 = numerics.precision == nn::Precision::bf16;
    const char* name = bf16 ? "bf16" : numerics.rounding == nn::Rounding::exact ? "fp32" : "TF32";
    const auto [found, is_new] = limits_.try_emplace(name);
    if (!is_new) return found->second;
    found->second = nn::device_limits(options_.device, numerics);
    const std::string where = ", " + threads_text(1, options_.device);
    rows_.push_back(
        {std::string("FLOP peak in ") + name + where, "GFLOP/s", found->second.flops / giga});
    rows_.back().note = "cuBLASLt, a large product";
    rows_.push_back({"memory" + where, "GB/s", found->second.bytes_per_s / giga});
    rows_.back().note = "a large copy, bytes read and written";
    return found->second;
  }

  const NnBenchOptions& options_;
  std::map<int, double> peaks_;
  std::map<std::string, nn::DeviceLimits> limits_;
  std::vector<Row> rows_;
};

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
  const DeviceChoice& device = options.device;
  const std::vector<int> counts = device.on_gpu() ? std::vector<int>{1} : options.threads;
  Machine machine(options);
  if (options.peak && !device.on_gpu()) {
    for (const int threads : counts) machine.cpu(threads);
  }
  std::vector<Row> rows = machine.take_rows();
  const auto add = [&](Row row) {
    for (Row& limit : machine.take_rows()) rows.push_back(std::move(limit));
    rows.push_back(std::move(row));
  };
  for (const train::Recipe& model : options.models) {
    const ImageCost training = training_cost(dataset.info(), model);
    const ImageCost prediction = prediction_cost(dataset.info(), model);
    for (const int threads : counts) {
      const bool bf16 = model.numerics.precision == nn::Precision::bf16;
      const auto what = [&](const char* verb, int batch, const char* how) {
        return format("%s %s%s, batch %d, ", verb, model.name.c_str(), how, batch) +
               threads_text(threads, device);
      };
      for (const int batch : options.batches) {
        const std::string row = what("train", batch, bf16 ? " in bf16" : "");
        const std::optional<Limit> limit = machine.limit(training, threads, model.numerics);
        add(device.on_gpu()
                ? measure(EpochTraining(dataset, model, device, batch, options.log), row, training,
                          limit, options)
                : measure(Training(dataset, model, batch, threads), row, training, limit, options));
      }
      for (const int batch : options.predict_batches) {
        // Predictions are fp32.
        const std::optional<Limit> limit =
            machine.limit(prediction, threads, {.rounding = model.numerics.rounding});
        add(measure(Prediction(dataset, model, device, batch, threads),
                    what("predict", batch, model.mirror ? " with its mirror image" : ""),
                    prediction, limit, options));
      }
    }
  }
  return rows;
}

}  // namespace podium::bench
