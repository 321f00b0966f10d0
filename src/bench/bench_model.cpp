#include "bench/bench_model.hpp"

#include "nn/cpu/cpu_ops.hpp"
#include "nn/ops.hpp"

namespace podium::bench {

nn::Model model_for(const io::DatasetInfo& info, const std::string& architecture, int threads,
                    int max_batch) {
  nn::ModelCard card;
  card.name = "bench";
  card.architecture = architecture;
  card.image = {static_cast<int>(info.channels), static_cast<int>(info.height),
                static_cast<int>(info.width)};
  card.classes = static_cast<int>(info.classes);
  card.class_names = info.class_names;
  card.preprocess = {{info.mean.begin(), info.mean.end()},
                     {info.stddev.begin(), info.stddev.end()}};
  return {std::move(card), nn::make_cpu_ops(threads), max_batch};
}

}  // namespace podium::bench
