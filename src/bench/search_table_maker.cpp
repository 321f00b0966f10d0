#include "bench/search_table_maker.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "bench/bench_model.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/permutation.hpp"
#include "core/text.hpp"
#include "nn/one_cycle.hpp"
#include "nn/sgd.hpp"
#include "search/space.hpp"

namespace podium::bench {
namespace {

constexpr float label_smoothing = 0.1F;
constexpr float weight_decay = 5e-4F;
constexpr double seconds_between_writes = 5;

// Images and labels in memory.
struct Images {
  Images(const io::Dataset& dataset, io::Split split, size_t count)
      : image_bytes(dataset.info().image_bytes()), pixels(count * image_bytes), labels(count) {
    std::vector<uint32_t> records(count);
    std::iota(records.begin(), records.end(), uint32_t{0});
    dataset.gather(split, records, pixels, labels);
  }

  size_t image_bytes;
  std::vector<uint8_t> pixels;
  std::vector<uint8_t> labels;
};

// Batches of images in another order.
class Batch {
 public:
  explicit Batch(const Images& images) : images_(images) {}

  void take(std::span<const uint32_t> records) {
    pixels.clear();
    labels.clear();
    for (const uint32_t record : records) {
      const auto image =
          std::span(images_.pixels).subspan(record * images_.image_bytes, images_.image_bytes);
      pixels.insert(pixels.end(), image.begin(), image.end());
      labels.push_back(images_.labels[record]);
    }
  }

  std::vector<uint8_t> pixels;
  std::vector<uint8_t> labels;

 private:
  const Images& images_;
};

class Maker {
 public:
  Maker(const io::Dataset& dataset, const TableSetting& setting)
      : info_(dataset.info()),
        setting_(setting),
        space_(search::Space::parse(setting.space)),
        train_(dataset, io::Split::train, setting.train_images),
        validation_(dataset, io::Split::validation, setting.validation_images) {}

  SearchTable empty_table() const {
    const auto networks = static_cast<size_t>(space_.networks());
    const nlohmann::ordered_json setting = {{"data", info_.name},
                                            {"digest", info_.digest},
                                            {"train_images", setting_.train_images},
                                            {"validation_images", setting_.validation_images},
                                            {"epochs", setting_.epochs},
                                            {"batch", setting_.batch},
                                            {"lr", setting_.lr},
                                            {"weight_decay", weight_decay},
                                            {"label_smoothing", label_smoothing}};
    return {
        setting_.space, setting.dump(), networks, setting_.trainings,
        std::vector<float>(networks * setting_.trainings, std::numeric_limits<float>::quiet_NaN())};
  }

  std::string architecture(size_t network) const {
    return space_.architecture(space_.choices_of(network));
  }

  // The validation accuracies of one network, from so many seeds.
  void train(size_t network, SearchTable& table) const {
    train::Recipe recipe;
    recipe.architecture = architecture(network);
    nn::Model model = model_for(info_, recipe, {}, 1, static_cast<int>(setting_.batch));
    for (size_t training = 0; training < table.trainings; ++training) {
      model.initialise(training + 1);
      train(model, training + 1);
      table.at(network, training) = static_cast<float>(accuracy(model));
    }
  }

 private:
  void train(nn::Model& model, uint64_t seed) const {
    const size_t steps = setting_.train_images / setting_.batch;
    const nn::OneCycle schedule(setting_.lr, static_cast<int64_t>(steps) * setting_.epochs);
    nn::SgdOptions options;
    options.weight_decay = weight_decay;
    nn::Sgd optimizer(model, options);
    Batch batch(train_);
    int64_t step = 0;
    for (int epoch = 0; epoch < setting_.epochs; ++epoch) {
      const std::vector<uint32_t> order = permutation(static_cast<uint32_t>(setting_.train_images),
                                                      Random(seed, static_cast<uint64_t>(epoch)));
      for (size_t i = 0; i < steps; ++i) {
        batch.take(std::span(order).subspan(i * setting_.batch, setting_.batch));
        model.forward_backward(batch.pixels, batch.labels, label_smoothing);
        optimizer.step(model.parameters(), model.gradients(),
                       static_cast<float>(schedule.at(step++)));
      }
    }
  }

  double accuracy(nn::Model& model) const {
    const size_t classes = info_.classes;
    size_t correct = 0;
    std::vector<float> probabilities;
    for (size_t first = 0; first < validation_.labels.size(); first += setting_.batch) {
      const size_t count = std::min(setting_.batch, validation_.labels.size() - first);
      probabilities.resize(count * classes);
      model.predict(std::span(validation_.pixels)
                        .subspan(first * validation_.image_bytes, count * validation_.image_bytes),
                    probabilities);
      for (size_t i = 0; i < count; ++i) {
        const auto row = std::span(probabilities).subspan(i * classes, classes);
        const auto best = std::ranges::max_element(row) - row.begin();
        if (best == validation_.labels[first + i]) ++correct;
      }
    }
    return static_cast<double>(correct) / static_cast<double>(validation_.labels.size());
  }

  const io::DatasetInfo& info_;
  TableSetting setting_;
  search::Space space_;
  Images train_;
  Images validation_;
};

// Equal networks are equally good.
void copy(size_t from, size_t to, SearchTable& table) {
  for (size_t training = 0; training < table.trainings; ++training) {
    table.at(to, training) = table.at(from, training);
  }
}

SearchTable begun_table(const std::filesystem::path& path, const SearchTable& empty) {
  if (!std::filesystem::exists(path)) return empty;
  SearchTable table = read_search_table(path);
  if (table.space != empty.space || table.setting != empty.setting ||
      table.trainings != empty.trainings) {
    throw data_error("another table is there", path.string(), "give another file, or remove it");
  }
  return table;
}

}  // namespace

SearchTable make_search_table(const std::filesystem::path& path, const io::Dataset& dataset,
                              const TableSetting& setting, const Log& log) {
  if (dataset.size(io::Split::train) < setting.train_images ||
      dataset.size(io::Split::validation) < setting.validation_images) {
    throw usage_error(format("the table needs %zu training and %zu validation images",
                             setting.train_images, setting.validation_images),
                      "io.source", "give a larger source, or set more aside by --io.validation");
  }
  const Maker maker(dataset, setting);
  SearchTable table = begun_table(path, maker.empty_table());
  std::map<std::string, size_t> first;  // network of each text
  Stopwatch since_write;
  for (size_t network = 0; network < table.networks; ++network) {
    const size_t equal = first.try_emplace(maker.architecture(network), network).first->second;
    if (!std::isnan(table.at(network, table.trainings - 1))) continue;
    if (equal == network) {
      maker.train(network, table);
    } else {
      copy(equal, network, table);
    }
    if (since_write.seconds() < seconds_between_writes) continue;
    write_search_table(path, table);
    log.info(format("bench search: %zu of %zu networks are trained", network + 1, table.networks));
    since_write.restart();
  }
  write_search_table(path, table);
  return table;
}

}  // namespace podium::bench
