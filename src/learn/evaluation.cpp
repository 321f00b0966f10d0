#include "learn/evaluation.hpp"

#include <algorithm>
#include <memory>
#include <numeric>
#include <vector>

#include "core/random.hpp"
#include "learn/rollouts.hpp"

namespace podium::learn {
namespace {

constexpr int most_at_once = 64;  // environments, images
constexpr uint64_t evaluation_stream = 0x6576616c;

}  // namespace

double try_policy(Policy& policy, const EnvironmentKit& kit, int episodes, uint64_t seed) {
  std::vector<std::unique_ptr<Environment>> environments;
  for (int place = 0; place < std::min(episodes, most_at_once); ++place) {
    environments.push_back(kit.make(place));
  }
  return mean_return(policy, environments, episodes, Random(seed, evaluation_stream).next());
}

double accuracy_of(Policy& policy, const io::Dataset& dataset, io::Split split) {
  const size_t size = dataset.size(split);
  size_t right = 0;
  for (size_t begin = 0; begin < size; begin += most_at_once) {
    std::vector<uint32_t> records(std::min<size_t>(most_at_once, size - begin));
    std::iota(records.begin(), records.end(), static_cast<uint32_t>(begin));
    std::vector<uint8_t> images(records.size() * dataset.info().image_bytes());
    std::vector<uint8_t> labels(records.size());
    std::vector<int32_t> named(records.size());
    dataset.gather(split, records, images, labels);
    policy.act_greedily(std::as_bytes(std::span(images)), named);
    for (size_t i = 0; i < records.size(); ++i) right += named[i] == labels[i] ? 1 : 0;
  }
  return size == 0 ? 0 : static_cast<double>(right) / static_cast<double>(size);
}

}  // namespace podium::learn
