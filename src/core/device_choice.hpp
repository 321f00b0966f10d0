// Which device a rank computes on: what the user asked for, laid beside what there is. Pure.
#pragma once

#include <string>
#include <string_view>

#include "core/accelerator.hpp"

namespace podium {

// --device
enum class DeviceRequest { automatic, cpu, cuda };

// Parses "auto", "cpu" or "cuda"; throws usage_error otherwise.
DeviceRequest parse_device(std::string_view text);

struct DeviceChoice {
  static constexpr int cpu = -1;
  int gpu = cpu;       // its number on this node, or `cpu`
  std::string notice;  // what the user should know, one line; empty when there is nothing to tell

  bool on_gpu() const { return gpu != cpu; }
};

// The device of the rank `node_rank` of `node_ranks` on its node: rank r takes GPU r mod count. An
// automatic choice takes a GPU where there is one, and else says once, on rank 0 of the node, why
// there is none, if this build could use one. Throws unavailable_error with the reason when a GPU
// is demanded and absent.
DeviceChoice choose_device(DeviceRequest request, const AcceleratorProbe& probe, int node_rank,
                           int node_ranks);

}  // namespace podium
