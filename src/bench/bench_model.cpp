#include "bench/bench_model.hpp"

#include "core/error.hpp"
#include "nn/backend.hpp"

namespace podium::bench {

nn::Model model_for(const io::DatasetInfo& info, const train::Recipe& recipe,
                    const DeviceChoice& device, int threads, int max_batch) {
  if (recipe.numerics.precision == nn::Precision::bf16 && !nn::can_bf16(device)) {
    throw unavailable_error("oneDNN computes in bf16 only on cores with AVX-512",
                            "--train.precision=bf16", "measure in fp32");
  }
  nn::ModelCard card;
  card.name = "bench";
  card.architecture = recipe.architecture;
  card.image = {static_cast<int>(info.channels), static_cast<int>(info.height),
                static_cast<int>(info.width)};
  card.classes = static_cast<int>(info.classes);
  card.class_names = info.class_names;
  card.preprocess = {{info.mean.begin(), info.mean.end()},
                     {info.stddev.begin(), info.stddev.end()}};
  card.mirror = recipe.mirror;
  return {std::move(card), nn::make_ops(device, threads, recipe.numerics), max_batch};
}

}  // namespace podium::bench
