#include "core/device_choice.hpp"

#include "core/error.hpp"
#include "core/text.hpp"

namespace podium {
namespace {

std::string gpu_notice(const AcceleratorProbe& probe, int node_rank, int node_ranks) {
  if (node_rank != 0) return "";
  const int count = static_cast<int>(probe.devices.size());
  std::string text = "computing on GPUs: " + describe(probe);
  if (node_ranks > count) {
    text += format("; %d ranks of a node see %d: they share, unless each was given its own",
                   node_ranks, count);
  }
  return text;
}

}  // namespace

DeviceRequest parse_device(std::string_view text) {
  if (text == "auto") return DeviceRequest::automatic;
  if (text == "cpu") return DeviceRequest::cpu;
  if (text == "cuda") return DeviceRequest::cuda;
  throw usage_error("'" + std::string(text) + "' does not fit device", "device",
                    "write auto, cpu or cuda");
}

DeviceChoice choose_device(DeviceRequest request, const AcceleratorProbe& probe, int node_rank,
                           int node_ranks) {
  require(node_rank >= 0 && node_rank < node_ranks, "a rank outside its node", "choose_device");
  if (request == DeviceRequest::cpu) return {};
  if (probe.any()) {
    const size_t index = static_cast<size_t>(node_rank) % probe.devices.size();
    return {probe.devices[index].ordinal, gpu_notice(probe, node_rank, node_ranks)};
  }
  if (request == DeviceRequest::cuda) {
    throw unavailable_error("no GPU: " + probe.why_none, "--device=cuda",
                            "use --device=auto or --device=cpu");
  }
  if (!probe.supported || node_rank != 0) return {};
  return {DeviceChoice::cpu, "computing on CPUs, as there is no GPU: " + probe.why_none};
}

}  // namespace podium
