// The stages on a GPU in a build without CUDA: none.
#include <nlohmann/json.hpp>

#include "ckpt/engine/device_stages.hpp"
#include "core/error.hpp"

namespace podium::ckpt::engine {
namespace {

[[noreturn]] void refuse() {
  throw unavailable_error("buckets go through a GPU, and this build computes on CPUs only",
                          "checkpoint engine", "run the same build everywhere, or --device=cpu");
}

}  // namespace

std::unique_ptr<Stages> make_device_stages(const Segment&, const Buffers&, int, uint64_t) {
  refuse();
}

std::unique_ptr<Intake> make_device_intake(const Segment&, const nlohmann::ordered_json&, size_t,
                                           const size_t*) {
  refuse();
}

std::function<void()> pinned_copy(int, size_t) {
  refuse();
}

}  // namespace podium::ckpt::engine
