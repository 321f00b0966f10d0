#include "train/step_engines.hpp"

#include <array>

#include "comm/ring_allreduce.hpp"
#include "train/host_engine.hpp"
#include "train/ps_engine.hpp"

namespace podium::train {
namespace {

// Trainers go through an epoch alike, or they would wait for each other at different steps.
bool all_have(bool mine, comm::Communicator& group) {
  std::array<double, 1> without = {mine ? 0.0 : 1.0};
  comm::ring_allreduce(group, std::span<double>(without));
  return without[0] == 0;
}

}  // namespace

std::unique_ptr<StepEngine> make_step_engine(const EngineSpec& spec, const Log& log) {
  if (spec.servers != nullptr && !spec.servers->in_step()) {
    return std::make_unique<PsEngine>(spec.state, spec.dataset, *spec.servers, spec.lane);
  }
  ResidentEngine resident = make_resident_engine(spec);
  const bool leads = spec.group.rank() == 0;
  if (all_have(resident.engine != nullptr, spec.group)) {
    if (leads) log.info("the training images lie on the GPU: steps do not wait for the host");
    return std::move(resident.engine);
  }
  if (resident.engine) resident.why_not = "not every trainer can keep the images on its GPU";
  if (leads && !resident.why_not.empty()) {
    log.info("steps wait for the host: " + resident.why_not);
  }
  return std::make_unique<HostEngine>(spec.state, spec.dataset, spec.sync, spec.lane);
}

}  // namespace podium::train
